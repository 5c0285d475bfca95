using System.Text.Json;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Ranking;

/// <summary>The trained ranker on disk: <c>ranker.json</c> says what it is, <c>weights.safetensors</c> what it learnt.</summary>
public static class RankerFiles
{
    public const string ModelName = "ranker.json";
    public const string WeightsName = "weights.safetensors";

    public static void Write(string folder, RankerNetwork network, RankerModel model)
    {
        ArgumentNullException.ThrowIfNull(network);
        Write(folder, model, NetworkWeights.Of(network));
    }

    /// <param name="folder">Made where it is missing.</param>
    /// <param name="model">The configuration.</param>
    /// <param name="weights">The state dictionary that belongs to it.</param>
    public static void Write(string folder, RankerModel model, IEnumerable<NamedTensor> weights)
    {
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), weights);
        File.WriteAllBytes(Path.Combine(folder, ModelName), JsonSerializer.SerializeToUtf8Bytes(model, TrainingJson.Default.RankerModel));
    }

    /// <returns>The network in evaluation mode; the caller disposes it.</returns>
    /// <exception cref="UserErrorException">No ranker was trained here, or its files are damaged.</exception>
    public static RankerNetwork Read(string folder)
    {
        string modelPath = Path.Combine(folder, ModelName);
        if (!File.Exists(modelPath))
        {
            throw new UserErrorException($"There is no ranker in {folder}. Run 'mine-negatives' and 'train-ranker' first.");
        }

        LibTorch.Load();
        try
        {
            RankerModel model = JsonSerializer.Deserialize(File.ReadAllBytes(modelPath), TrainingJson.Default.RankerModel)!;
            var network = new RankerNetwork(model);
            NetworkWeights.Load(network, SafetensorsFile.Read(Path.Combine(folder, WeightsName)));
            network.eval();
            return network;
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidDataException)
        {
            throw new UserErrorException($"The ranker in {folder} cannot be read ({e.Message}). Run 'train-ranker' again.", e);
        }
    }
}
