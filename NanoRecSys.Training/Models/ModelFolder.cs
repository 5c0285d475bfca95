using System.Text.Json.Serialization.Metadata;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>A trained model on disk: a JSON file with its configuration next to <c>weights.safetensors</c>.</summary>
/// <param name="First">What to run if there is none yet.</param>
internal sealed record ModelFolder<T>(string Name, string ConfigurationName, string Command, string First, JsonTypeInfo<T> Type)
{
    /// <summary>What is wrong with a configuration; null if nothing.</summary>
    public Func<T, string?> Problem { get; init; } = _ => null;

    public bool Exists(string folder) => File.Exists(Path.Combine(folder, ConfigurationName));

    public void Write(string folder, T configuration, IEnumerable<NamedTensor> weights, string data, string? selected = null)
    {
        Directory.CreateDirectory(folder);
        var metadata = new Dictionary<string, string> { [Provenance.Data] = data };
        if (selected is not null)
        {
            metadata[Provenance.Retriever] = selected;
        }

        SafetensorsFile.Write(Path.Combine(folder, ModelFolder.WeightsName), weights, metadata);
        AtomicFile.Write(Path.Combine(folder, ConfigurationName), JsonSerializer.SerializeToUtf8Bytes(configuration, Type));
    }

    /// <summary>The configuration alone; needs no native library.</summary>
    public T ReadModel(string folder)
    {
        UserErrorException.ThrowIf(!Exists(folder), $"There is no {Name} in {folder}. {First} first, with the same --data and --artifacts.");

        T model;
        try
        {
            model = JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(folder, ConfigurationName)), Type) ?? throw new JsonException("it is null");
        }
        catch (JsonException e)
        {
            throw Unreadable(folder, e);
        }

        return Problem(model) is { } problem
            ? throw new UserErrorException($"The {Name} in {folder} cannot be used: {problem} Run '{Command}' again.")
            : model;
    }

    /// <returns>Why the model does not match the prepared data, and the remedy; null if it does.</returns>
    public string? MismatchOf(string folder, PreparedData data) => Provenance.Difference(ReadMetadata(folder), (Provenance.Data, data.Hash)) is { } difference
        ? $"The {Name} in {folder} was trained {difference}. Run '{Command}' again."
        : null;

    public IReadOnlyDictionary<string, string> ReadMetadata(string folder)
    {
        try
        {
            return SafetensorsFile.ReadMetadata(Path.Combine(folder, ModelFolder.WeightsName));
        }
        catch (Exception e) when (e is IOException or InvalidDataException)
        {
            throw Unreadable(folder, e);
        }
    }

    /// <summary><paramref name="open"/> creates the model from its configuration and weights.</summary>
    /// <param name="data">What it must have been trained on; null if it is used without data.</param>
    public TModel Read<TModel>(string folder, PreparedData? data, Func<T, IReadOnlyDictionary<string, NamedTensor>, TModel> open)
    {
        T configuration = ReadModel(folder);
        try
        {
            if (data is not null && MismatchOf(folder, data) is { } mismatch)
            {
                throw new UserErrorException(mismatch);
            }

            return open(configuration, SafetensorsFile.Read(Path.Combine(folder, ModelFolder.WeightsName)));
        }
        catch (Exception e) when (e is IOException or InvalidDataException or KeyNotFoundException)
        {
            throw Unreadable(folder, e);
        }
    }

    private UserErrorException Unreadable(string folder, Exception cause) =>
        new($"The {Name} in {folder} cannot be read ({cause.Message}). Run '{Command}' again.", cause);
}

internal static class ModelFolder
{
    public const string WeightsName = "weights.safetensors";
    public const string MembersName = "members";

    public static readonly ModelFolder<ModelInfo> Retriever =
        new("retriever", "model.json", "train-retriever", "Run 'train-retriever'", CoreJson.Indented.ModelInfo) { Problem = UserTower.Problem };

    public static readonly ModelFolder<RankerModel> Ranker =
        new("ranker", "ranker.json", "train-ranker", "Run 'mine-negatives' and 'train-ranker'", TrainingJson.Indented.RankerModel);

    public static readonly ModelFolder<MatrixFactorizationOptions> MatrixFactorization =
        Baseline(Baselines.MatrixFactorization.ModelName, TrainingJson.Indented.MatrixFactorizationOptions);

    public static readonly ModelFolder<EaseOptions> Ease = Baseline(Baselines.Ease.ModelName, TrainingJson.Indented.EaseOptions);

    public static readonly ModelFolder<MlpUserTowerOptions> MlpUserTower = Baseline(MlpUserTowerScorer.ModelName, TrainingJson.Indented.MlpUserTowerOptions);

    /// <summary>SHA-256 of the weights in a folder; null if there are none.</summary>
    public static string? HashOf(string folder)
    {
        string path = Path.Combine(folder, WeightsName);
        return File.Exists(path) ? FileHash.Of(path) : null;
    }

    public static void WriteRetriever(string folder, RetrieverNetwork network, string data) => Retriever.Write(folder, network.Model, network.Weights(), data);

    /// <summary>Folder of a retriever's member; itself a retriever folder.</summary>
    public static string MemberFolder(string folder, int member) => Path.Combine(folder, MembersName, $"{member}");

    /// <summary>The folders of all members; none if the retriever is a single network.</summary>
    public static IEnumerable<string> MemberFolders(string folder) => Enumerable.Range(0, int.MaxValue).Select(member => MemberFolder(folder, member)).TakeWhile(Directory.Exists);

    /// <summary>Folder of the retriever to test and serve: the refit of the selected one if there is one, or else the selected one.</summary>
    public static string ServedRetriever(Workspace workspace) => HasRefit(workspace) ? workspace.RefitFolder : workspace.RetrieverFolder;

    /// <summary>Whether there is a refit of the currently selected retriever.</summary>
    public static bool HasRefit(Workspace workspace) =>
        Retriever.Exists(workspace.RefitFolder)
        && Retriever.ReadMetadata(workspace.RefitFolder).GetValueOrDefault(Provenance.Retriever) == HashOf(workspace.RetrieverFolder);

    /// <returns>The network in evaluation mode; the caller disposes it.</returns>
    public static RetrieverNetwork ReadRetriever(string folder, PreparedData? data) => Retriever.Read(folder, data, (model, weights) =>
    {
        if (data is not null)
        {
            RetrieverItems.Require(folder, model.Items, data.Catalog);
        }

        LibTorch.Load();
        var network = RetrieverNetwork.Create(model);
        NetworkWeights.Load(network, weights);
        network.eval();
        return network;
    });

    /// <returns>The network in evaluation mode; the caller disposes it.</returns>
    public static RankerNetwork ReadRanker(string folder, PreparedData? data) => Ranker.Read(folder, data, (model, weights) =>
    {
        LibTorch.Load();
        var network = new RankerNetwork(model);
        NetworkWeights.Load(network, weights);
        network.eval();
        return network;
    });

    private static ModelFolder<T> Baseline<T>(string name, JsonTypeInfo<T> type) =>
        new($"'{name}' baseline", "model.json", $"train-baseline --model {name}", $"Run 'train-baseline --model {name}'", type);
}

/// <summary><c>items.txt</c> next to an imported retriever: the item ids of its rows. Other data, or the same data in another order, may have as many items
/// without being what it was trained on.</summary>
internal static class RetrieverItems
{
    public const string FileName = "items.txt";

    public static void Write(string retrieverFolder, IEnumerable<EntityId> ids) => ItemMapFile.Write(Path.Combine(retrieverFolder, FileName), ids);

    public static void Forget(string retrieverFolder) => File.Delete(Path.Combine(retrieverFolder, FileName));

    public static void Require(string retrieverFolder, int items, Catalog catalog)
    {
        UserErrorException.ThrowIf(items != catalog.Count,
            $"The retriever was trained on {items} items, the prepared data has {catalog.Count}. Run 'train-retriever' or 'import' again.");

        string path = Path.Combine(retrieverFolder, FileName);
        UserErrorException.ThrowIf(File.Exists(path) && !ItemMapFile.Read(path).SequenceEqual(Ids(catalog)),
            $"The prepared data's items are not those of the imported retriever ({path}), or are in another order. Run 'import' with its --item-map again.");
    }

    /// <summary>The item ids of the retriever's rows: from the import, else the prepared data's, if any.</summary>
    public static IEnumerable<EntityId>? Find(Workspace workspace, PreparedData? data)
    {
        string imported = Path.Combine(workspace.RetrieverFolder, FileName);
        return File.Exists(imported) ? ItemMapFile.Read(imported) : data is null ? null : Ids(data.Catalog);
    }

    public static IEnumerable<EntityId> Ids(Catalog catalog) => catalog.Items.Select(item => item.Id);
}

/// <summary>Reads and writes a live network's weights by their PyTorch names.</summary>
internal static class NetworkWeights
{
    // Batch norm counts its batches; the count is unused.
    private const string BatchCount = "num_batches_tracked";

    public static IReadOnlyList<NamedTensor> Of(nn.Module network) =>
        [.. network.state_dict()
            .Where(entry => !entry.Key.EndsWith(BatchCount, StringComparison.Ordinal))
            .Select(entry => Of(entry.Key, entry.Value))];

    public static NamedTensor Of(string name, Tensor tensor) => new(name, tensor.shape, Values(tensor));

    public static IReadOnlyDictionary<string, NamedTensor> ByName(nn.Module network) => Of(network).ToDictionary(tensor => tensor.Name);

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

            InvalidDataException.ThrowIf(!weights.TryGetValue(name, out NamedTensor? source), $"The weights lack '{name}'. Train or import the model again.");
            InvalidDataException.ThrowIf(!source.Shape.AsSpan().SequenceEqual(target.shape),
                $"'{name}' is [{string.Join(", ", source.Shape)}], the configuration makes it [{string.Join(", ", target.shape)}]. Train or import the model again.");

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

/// <summary>
/// The weights of the served version as validation selected them, kept on publishing: the next training may start from them. Weights that
/// were also fitted to validation items are not kept, since these items select among the epochs of the next training.
/// </summary>
internal static class ServedWeights
{
    private const string VersionName = "version.txt";

    /// <summary>Keeps the selected retriever of the published version.</summary>
    public static Task KeepAsync(string version, PreparedData data, Workspace workspace) => !ModelFolder.Retriever.Exists(workspace.RetrieverFolder)
        ? Task.CompletedTask
        : AtomicFolder.WriteAsync(workspace.ServedFolder, async folder =>
        {
            foreach (string name in new[] { ModelFolder.Retriever.ConfigurationName, ModelFolder.WeightsName })
            {
                File.Copy(Path.Combine(workspace.RetrieverFolder, name), Path.Combine(folder, name));
            }

            RetrieverItems.Write(folder, RetrieverItems.Ids(data.Catalog));
            await File.WriteAllTextAsync(Path.Combine(folder, VersionName), version);
        });

    /// <summary>Sets a new network to the served weights, or to those of a served member; items unknown to the served version keep their random row.
    /// If another version is served, or its network has another configuration, the network stays random.</summary>
    /// <param name="model">Configuration of the retriever that <paramref name="tower"/> belongs to.</param>
    public static void Load(UserTower tower, ModelInfo model, int member, PreparedData data, StepContext context)
    {
        string folder = context.Workspace.ServedFolder;
        if (WhyNot(folder, model, context.Workspace.Store) is { } reason)
        {
            context.Progress.Report(new ProgressEvent { Message = $"Training begins with random weights: {reason}." });
            return;
        }

        Dictionary<string, NamedTensor> weights = new(SafetensorsFile.Read(Path.Combine(folder, ModelFolder.WeightsName)).OfMember(model, member));
        NamedTensor known = weights[UserTower.ItemTableName]; // [V', D]
        float[] table = NetworkWeights.ByName(tower)[UserTower.ItemTableName].Values; // [V, D]
        int width = tower.Model.Dimension;
        Dictionary<EntityId, int> rows = ItemMapFile.Read(Path.Combine(folder, RetrieverItems.FileName)).Index().ToDictionary(item => item.Item, item => item.Index);
        int kept = 0;
        for (int item = 0; item < data.Catalog.Count; item++)
        {
            if (rows.TryGetValue(data.Catalog.Items[item].Id, out int row))
            {
                known.Values.AsSpan(row * width, width).CopyTo(table.AsSpan(item * width));
                kept++;
            }
        }

        weights[UserTower.ItemTableName] = new NamedTensor(UserTower.ItemTableName, [data.Catalog.Count, width], table);
        tower.Load(weights);
        context.Progress.Report(new ProgressEvent { Message = $"Training begins with the served weights: {kept:N0} of {data.Catalog.Count:N0} items are known." });
    }

    private static string? WhyNot(string folder, ModelInfo wanted, ArtifactStore store)
    {
        string version = Path.Combine(folder, VersionName);
        return !File.Exists(version) || File.ReadAllText(version) != (store.ReadPinned() ?? store.ReadCurrent()) ? "the weights of the served version are not here"
            : ModelFolder.Retriever.ReadModel(folder) with { Items = wanted.Items } != wanted ? "the served network has another configuration"
            : null;
    }
}
