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

    /// <summary>The configuration alone; no native library is needed for it.</summary>
    /// <exception cref="UserErrorException">No ranker was trained here, or its file is damaged.</exception>
    public static RankerModel ReadModel(string folder)
    {
        string path = Path.Combine(folder, ModelName);
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no ranker in {folder}. Run 'mine-negatives' and 'train-ranker' first.");
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), TrainingJson.Default.RankerModel)!;
        }
        catch (JsonException e)
        {
            throw Unreadable(folder, e);
        }
    }

    /// <returns>The network in evaluation mode; the caller disposes it.</returns>
    /// <exception cref="UserErrorException">No ranker was trained here, or its files are damaged.</exception>
    public static RankerNetwork Read(string folder)
    {
        RankerModel model = ReadModel(folder);
        LibTorch.Load();
        try
        {
            var network = new RankerNetwork(model);
            NetworkWeights.Load(network, SafetensorsFile.Read(Path.Combine(folder, WeightsName)));
            network.eval();
            return network;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw Unreadable(folder, e);
        }
    }

    private static UserErrorException Unreadable(string folder, Exception cause) =>
        new($"The ranker in {folder} cannot be read ({cause.Message}). Run 'train-ranker' again.", cause);
}
