using System.Text.Json;
using NanoRecSys.Core;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Models;

/// <summary>The trained retriever on disk: <c>model.json</c> says what it is, <c>weights.safetensors</c> what it learnt.</summary>
public static class RetrieverFiles
{
    public const string ModelName = "model.json";
    public const string WeightsName = "weights.safetensors";

    public static void Write(string folder, UserTower tower)
    {
        ArgumentNullException.ThrowIfNull(tower);
        Write(folder, tower.Model, NetworkWeights.Of(tower));
    }

    /// <param name="folder">Made where it is missing.</param>
    /// <param name="model">The configuration.</param>
    /// <param name="weights">The state dictionary that belongs to it.</param>
    public static void Write(string folder, ModelInfo model, IEnumerable<NamedTensor> weights)
    {
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), weights);
        File.WriteAllBytes(Path.Combine(folder, ModelName), JsonSerializer.SerializeToUtf8Bytes(model, CoreJson.Default.ModelInfo));
    }

    /// <summary>The configuration alone; no native library is needed for it.</summary>
    /// <exception cref="UserErrorException">No retriever was trained here, its file is damaged, or there is no such network.</exception>
    public static ModelInfo ReadModel(string folder)
    {
        string path = Path.Combine(folder, ModelName);
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no retriever in {folder}. Run 'train-retriever' first, with the same --data and --artifacts.");
        }

        ModelInfo model;
        try
        {
            model = JsonSerializer.Deserialize(File.ReadAllBytes(path), CoreJson.Default.ModelInfo)!;
        }
        catch (JsonException e)
        {
            throw new UserErrorException($"The retriever in {folder} cannot be read ({e.Message}). Run 'train-retriever' again.", e);
        }

        // Earlier releases had blocks and positions that there are no more.
        return UserTower.Problem(model) is { } problem
            ? throw new UserErrorException($"The retriever in {folder} cannot be used: {problem} Run 'train-retriever' again.")
            : model;
    }

    /// <returns>The network in evaluation mode; the caller disposes it.</returns>
    /// <exception cref="UserErrorException">No retriever was trained here, its files are damaged, or there is no such network.</exception>
    public static UserTower Read(string folder)
    {
        ModelInfo model = ReadModel(folder);
        LibTorch.Load();
        try
        {
            var tower = new UserTower(model);
            NetworkWeights.Load(tower, SafetensorsFile.Read(Path.Combine(folder, WeightsName)));
            tower.eval();
            return tower;
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw new UserErrorException($"The retriever in {folder} cannot be read ({e.Message}). Run 'train-retriever' again.", e);
        }
    }
}
