using System.Text.Json;
using NanoRecSys.Core;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Import;
using NanoRecSys.Training.Pipeline;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>The trained retriever on disk: <c>model.json</c> says what it is, <c>weights.safetensors</c> what it learnt.</summary>
internal static class RetrieverFiles
{
    public const string ModelName = "model.json";
    public const string WeightsName = "weights.safetensors";

    public static void Write(string folder, UserTower tower)
    {
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

/// <summary>
/// <c>items.txt</c> beside an imported retriever: the movie ids of its rows. Other data, or the same in another order,
/// may have as many items and still not be what it was trained on.
/// </summary>
internal static class RetrieverItems
{
    public const string FileName = "items.txt";

    public static void Write(string retrieverFolder, IEnumerable<int> movieIds) => ItemMapFile.Write(Path.Combine(retrieverFolder, FileName), movieIds);

    public static void Forget(string retrieverFolder) => File.Delete(Path.Combine(retrieverFolder, FileName));

    /// <exception cref="UserErrorException">The retriever's rows are not the catalog's.</exception>
    public static void Require(string retrieverFolder, int items, Catalog catalog)
    {
        if (items != catalog.Count)
        {
            throw new UserErrorException($"The retriever was trained on {items} items, the prepared data has {catalog.Count}. Run 'train-retriever' or 'import' again.");
        }

        string path = Path.Combine(retrieverFolder, FileName);
        if (File.Exists(path) && !ItemMapFile.Read(path).SequenceEqual(MovieIds(catalog)))
        {
            throw new UserErrorException($"The prepared data's items are not those of the imported retriever ({path}), or stand in another order. Run 'import' with its --item-map again.");
        }
    }

    /// <summary>The movie ids of the retriever's rows: as it was imported with, else the prepared data's, where there is any.</summary>
    /// <exception cref="UserErrorException">The prepared data has other items.</exception>
    public static async Task<IEnumerable<int>?> FindAsync(Workspace workspace, int items, CancellationToken cancellation)
    {
        string imported = Path.Combine(workspace.RetrieverFolder, FileName);
        string prepared = Path.Combine(workspace.DataFolder, PreparedData.CatalogName);
        if (File.Exists(imported) || !File.Exists(prepared))
        {
            return File.Exists(imported) ? ItemMapFile.Read(imported) : null;
        }

        Catalog catalog = await CatalogFile.ReadAsync(prepared, cancellation);
        Require(workspace.RetrieverFolder, items, catalog);
        return MovieIds(catalog);
    }

    public static IEnumerable<int> MovieIds(Catalog catalog) => catalog.Items.Select(item => item.MovieId);
}

/// <summary>A network's weights by their PyTorch names, out of and into the live network.</summary>
internal static class NetworkWeights
{
    // Batch norm counts its batches; nothing of ours reads the count.
    private const string BatchCount = "num_batches_tracked";

    public static IReadOnlyList<NamedTensor> Of(nn.Module network)
    {
        return [.. network.state_dict()
            .Where(entry => !entry.Key.EndsWith(BatchCount, StringComparison.Ordinal))
            .Select(entry => new NamedTensor(entry.Key, entry.Value.shape, Values(entry.Value)))];
    }

    /// <summary>Copies the weights in place. Tensors that the network does not have, such as <c>rope.inv_freq</c>, are left alone.</summary>
    /// <exception cref="InvalidDataException">A weight is missing or of another shape.</exception>
    public static void Load(nn.Module network, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        using var noGradient = no_grad();
        foreach ((string name, Tensor target) in network.state_dict())
        {
            if (name.EndsWith(BatchCount, StringComparison.Ordinal))
            {
                continue;
            }

            if (!weights.TryGetValue(name, out NamedTensor? source))
            {
                throw new InvalidDataException($"The weights lack '{name}'. Train or import the model again.");
            }

            if (!source.Shape.AsSpan().SequenceEqual(target.shape))
            {
                throw new InvalidDataException(
                    $"'{name}' is [{string.Join(", ", source.Shape)}], the configuration makes it [{string.Join(", ", target.shape)}]. Train or import the model again.");
            }

            using Tensor values = tensor(source.Values, source.Shape);
            target.copy_(values);
        }
    }

    private static float[] Values(Tensor tensor)
    {
        using Tensor dense = tensor.detach().cpu().to(float32).contiguous();
        return dense.data<float>().ToArray();
    }
}
