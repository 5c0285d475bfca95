using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Baselines;

/// <summary>A trained baseline on disk: <c>model.json</c> holds its options, <c>weights.safetensors</c> what it learnt.</summary>
public static class BaselineFiles
{
    public const string OptionsName = "model.json";
    public const string WeightsName = "weights.safetensors";
    private const string ItemFactors = "item_factors"; // [V, D]
    private const string ItemTable = "embedding.weight"; // [V, D]

    /// <summary>Whether a baseline of this name was trained.</summary>
    public static bool Exist(Workspace workspace, string model) => File.Exists(Path.Combine(FolderOf(workspace, model), OptionsName));

    public static string FolderOf(Workspace workspace, string model)
    {
        ArgumentNullException.ThrowIfNull(workspace);
        return Path.Combine(workspace.BaselinesFolder, model);
    }

    /// <param name="folder">Of the model.</param>
    /// <param name="options">Of its training.</param>
    /// <param name="items">[V, D]</param>
    public static void Write(string folder, MatrixFactorizationOptions options, float[] items)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(items);
        long[] shape = [items.Length / options.Dimension, options.Dimension];
        Write(folder, options, TrainingJson.Default.MatrixFactorizationOptions, [new NamedTensor(ItemFactors, shape, items)]);
    }

    /// <param name="folder">Of the model.</param>
    /// <param name="options">Of its training.</param>
    /// <param name="tower">Its weights are written.</param>
    public static void Write(string folder, MlpUserTowerOptions options, MlpUserTower tower) =>
        Write(folder, options, TrainingJson.Default.MlpUserTowerOptions, NetworkWeights.Of(tower));

    /// <returns>A model that the caller disposes.</returns>
    /// <exception cref="UserErrorException">It was not trained here, was trained on other data, or its files are damaged.</exception>
    public static MatrixFactorization ReadMatrixFactorization(string folder, int items, int threads) =>
        Read(folder, MatrixFactorization.ModelName, TrainingJson.Default.MatrixFactorizationOptions, (options, weights) =>
        {
            NamedTensor factors = weights[ItemFactors];
            RequireItems(factors, items);
            return new MatrixFactorization(options, factors.Values, threads);
        });

    /// <inheritdoc cref="ReadMatrixFactorization"/>
    public static MlpUserTowerScorer ReadMlpUserTower(string folder, int items) =>
        Read(folder, MlpUserTowerScorer.ModelName, TrainingJson.Default.MlpUserTowerOptions, (options, weights) =>
        {
            RequireItems(weights[ItemTable], items);
            var tower = new MlpUserTower(items, options);
            NetworkWeights.Load(tower, weights);
            return new MlpUserTowerScorer(tower, options, isOwner: true);
        });

    private static void Write<T>(string folder, T options, JsonTypeInfo<T> type, IReadOnlyList<NamedTensor> weights)
    {
        Directory.CreateDirectory(folder);
        SafetensorsFile.Write(Path.Combine(folder, WeightsName), weights);
        File.WriteAllBytes(Path.Combine(folder, OptionsName), JsonSerializer.SerializeToUtf8Bytes(options, type));
    }

    private static TModel Read<TOptions, TModel>(
        string folder, string model, JsonTypeInfo<TOptions> type, Func<TOptions, IReadOnlyDictionary<string, NamedTensor>, TModel> open)
    {
        string path = Path.Combine(folder, OptionsName);
        string remedy = $"Run 'train-baseline --model {model}'";
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no model in {folder}. {remedy} first, with the same --data and --artifacts.");
        }

        LibTorch.Load();
        try
        {
            return open(JsonSerializer.Deserialize(File.ReadAllBytes(path), type)!, SafetensorsFile.Read(Path.Combine(folder, WeightsName)));
        }
        catch (Exception e) when (e is IOException or JsonException or InvalidDataException or KeyNotFoundException)
        {
            throw new UserErrorException($"The model in {folder} cannot be read ({e.Message}). {remedy} again.", e);
        }
    }

    private static void RequireItems(NamedTensor table, int items)
    {
        if (table.Shape[0] != items)
        {
            throw new InvalidDataException($"it was trained on {table.Shape[0]:N0} items, the prepared data has {items:N0}");
        }
    }
}
