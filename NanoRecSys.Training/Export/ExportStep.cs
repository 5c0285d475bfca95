using System.Numerics.Tensors;
using Tensor = TorchSharp.torch.Tensor;

namespace NanoRecSys.Training.Export;

internal static class ExportStep
{
    public static async Task<ExportReport> RunAsync(ExportOptions options, StepContext context)
    {
        Workspace workspace = context.Workspace;
        PreparedData? data = await LoadDataAsync(context);
        FinalFitInfo? finalFit = data is null || !options.UseFinalFit ? null : FinalFitStep.Find(workspace, data);
        using RetrieverNetwork tower = ModelFolder.ReadRetriever(finalFit is null ? ModelFolder.ServedRetriever(workspace) : workspace.FinalFolder, data);
        Catalog catalog = data?.Catalog ?? InventedData.Catalog(tower.Model);

        // An index of older embeddings, or a ranker of another retriever, must not be published with this export.
        AtomicFolder.DeleteIfExists(workspace.ExportFolder);
        Directory.CreateDirectory(workspace.ExportFolder);
        try
        {
            TimedHistory[] histories = SampledHistories.Draw(
                data?.Histories ?? InventedData.Histories(tower.Model, options.ParityHistories, context.Seed), options.ParityHistories, context.Seed);
            using var trained = new UserEncoder(tower);
            var parity = new Dictionary<string, ParityInfo>();
            ExportRetriever(workspace.ExportFolder, tower, trained, histories, parity);
            context.Progress.Report(new ProgressEvent { Fraction = 0.6 });

            string? rankerSha256 = null;
            RankerPartsInfo? rankerParts = null;
            if (RankerExport.IsUsable(context, data))
            {
                rankerSha256 = ModelFolder.HashOf(workspace.RankerFolder);
                using RankerNetwork ranker = ModelFolder.ReadRanker(workspace.RankerFolder, data);
                rankerParts = new RankerExport(workspace, catalog, trained, histories, context.Seed).Write(ranker, options.RankerPrecision, parity);
            }

            ContentMapInfo? contentMap = data is null ? null : ExportContentMap(workspace.ExportFolder, data, trained);
            var report = new ExportReport(tower.Model, ModelFolder.HashOf(ModelFolder.ServedRetriever(workspace))!, parity, rankerSha256, contentMap)
            {
                RankerParts = rankerParts,
                FinalFit = finalFit,
                Data = data?.Hash,
                Files = Directory.EnumerateFiles(workspace.ExportFolder).ToDictionary(path => Path.GetFileName(path), FileHash.Of),
            };
            TrainingJson.Write(Path.Combine(workspace.ExportFolder, ExportFiles.Parity), report);
            context.Progress.Report(new ProgressEvent { Fraction = 1 });
            return report;
        }
        catch
        {
            AtomicFolder.DeleteIfExists(workspace.ExportFolder);
            throw;
        }
    }

    /// <summary>Imported weights can be exported for use elsewhere without any data.</summary>
    public static async Task<PreparedData?> LoadDataAsync(StepContext context) => Directory.Exists(context.Workspace.DataFolder)
        ? await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation)
        : null;

    private static void ExportRetriever(
        string folder, RetrieverNetwork network, UserEncoder trained, TimedHistory[] histories, Dictionary<string, ParityInfo> parity)
    {
        ModelInfo model = network.Model;
        IReadOnlyDictionary<string, NamedTensor> weights = NetworkWeights.ByName(network);
        NpyFile.Write(Path.Combine(folder, ArtifactNames.ItemEmbeddings), trained.ItemEmbeddings.data<float>().ToArray(), model.EmbeddingDimension);
        using Tensor embeddings = trained.Encode(histories); // [B, D]
        float[] expected = embeddings.data<float>().ToArray();
        parity[ArtifactNames.UserTower] = Parity.Require(ArtifactNames.UserTower, Write(ArtifactNames.UserTower, isInt8: false));
        ParityInfo inEightBits = Write(ArtifactNames.UserTowerInt8, isInt8: true);
        if (Parity.Holds(inEightBits))
        {
            parity[ArtifactNames.UserTowerInt8] = inEightBits;
        }
        else
        {
            File.Delete(Path.Combine(folder, ArtifactNames.UserTowerInt8)); // serving works without it
        }

        ParityInfo Write(string file, bool isInt8)
        {
            string path = Path.Combine(folder, file);
            UserTowerGraph.Write(path, model, weights, isInt8);
            using var exported = new OnnxUserTower(path, model);
            return Parity.OfUserTower(exported, histories, expected, isInt8);
        }
    }

    /// <summary>The map that places new items, fitted to the exported item embeddings.</summary>
    private static ContentMapInfo ExportContentMap(string folder, PreparedData data, UserEncoder trained)
    {
        ContentMapFit fit = ContentMapFit.Make(data.Catalog, data.TrainCounts, trained.ItemEmbeddings);
        fit.Map.Write(Path.Combine(folder, ArtifactNames.ContentMap), Path.Combine(folder, ArtifactNames.ContentFeatures));
        return new ContentMapInfo(ArtifactNames.ContentMap, ArtifactNames.ContentFeatures, fit.Ridge, fit.HeldOutCosine);
    }
}

internal sealed record ExportOptions
{
    /// <summary>Real histories on which the exported graphs are compared with the trained networks.</summary>
    public int ParityHistories { get; init; } = 200;
    public RankerPrecision RankerPrecision { get; init; } = RankerPrecision.Auto;

    /// <summary>Export the <c>final-fit</c> of these weights, if there is one.</summary>
    public bool UseFinalFit { get; init; } = true;
}

internal enum RankerPrecision
{
    /// <summary>8 bits if the network is large and its logits stay close to the trained one's, else 32.</summary>
    Auto,

    ThirtyTwoBits,

    EightBits,
}

/// <summary>The exported files and their deviation from the trained networks: <c>parity.json</c>, written last; without it, nothing in the
/// folder can be published.</summary>
/// <param name="RetrieverSha256">Hash of the exported weights; newer weights need another export.</param>
/// <param name="RankerSha256">Hash of the ranker's weights; null if none was trained.</param>
/// <param name="ContentMap">Null if no data was prepared to fit it to.</param>
internal sealed record ExportReport(
    ModelInfo Model, string RetrieverSha256, IReadOnlyDictionary<string, ParityInfo> Parity, string? RankerSha256 = null, ContentMapInfo? ContentMap = null)
{
    public RankerPartsInfo? RankerParts { get; init; }

    /// <summary>Set if the weights are a final fit of <see cref="RetrieverSha256"/>.</summary>
    public FinalFitInfo? FinalFit { get; init; }

    private const string None = "none";

    /// <summary><see cref="PreparedData.Hash"/> of the data it was made with; null if no data was prepared.</summary>
    public string? Data { get; init; }

    /// <summary>SHA-256 of each exported file, by its name: parity says nothing about a file that is damaged or replaced later.</summary>
    public required IReadOnlyDictionary<string, string> Files { get; init; }

    /// <summary>The report of an export that matches the prepared data and the current weights, and whose files are unchanged.</summary>
    public static ExportReport Read(Workspace workspace, PreparedData data)
    {
        ExportReport report = TrainingJson.ReadRequired<ExportReport>(Path.Combine(workspace.ExportFolder, ExportFiles.Parity), "export");
        if (ModelFolder.Retriever.Exists(workspace.RetrieverFolder) && ModelFolder.Retriever.MismatchOf(workspace.RetrieverFolder, data) is { } mismatch)
        {
            throw new UserErrorException(mismatch); // another export would fail with it, too
        }

        var recorded = new Dictionary<string, string>
        {
            [Provenance.Data] = report.Data ?? None,
            [Provenance.Retriever] = report.RetrieverSha256,
            [Provenance.Ranker] = report.RankerSha256 ?? None,
        };
        string? ranker = RankerExport.IsOfThisRetriever(workspace, data) ? ModelFolder.HashOf(workspace.RankerFolder) : null;
        if (Provenance.Difference(
            recorded, (Provenance.Data, data.Hash), (Provenance.Retriever, ModelFolder.HashOf(ModelFolder.ServedRetriever(workspace))), (Provenance.Ranker, ranker ?? None)) is { } difference)
        {
            throw new UserErrorException($"The export in {workspace.ExportFolder} was made {difference}. Run 'export' and 'index' again.");
        }

        foreach ((string file, string hash) in report.Files)
        {
            Provenance.RequireUnchanged(Path.Combine(workspace.ExportFolder, file), hash, "export", "Run 'export' and 'index' again.");
        }

        return report;
    }
}

internal static class ExportFiles
{
    public const string Parity = "parity.json";
    public const string Index = "index.json";
}

internal static class Parity
{
    /// <summary>Float32 sums in another order differ by about 1e-6; a wrong graph differs by 1e-2 or more.</summary>
    public const double Tolerance = 1e-4;

    /// <summary>Minimum mean cosine of a user tower in 8 bits.</summary>
    public const double LeastMeanCosine = 0.995;

    /// <summary>Encodes each history alone and without padding, as serving does. In 32 bits, all of them in one padded batch must match, too.</summary>
    /// <param name="histories">[B]</param>
    /// <param name="trained">[B, D] the trained network's output, L2-normalized.</param>
    public static ParityInfo OfUserTower(OnnxUserTower tower, TimedHistory[] histories, ReadOnlySpan<float> trained, bool isInt8)
    {
        float[] alone = [.. histories.SelectMany(history => tower.Encode([history]))];
        double difference = MaxAbsDifference(alone, trained);
        if (isInt8)
        {
            double cosines = TensorPrimitives.Dot(alone, trained); // of unit vectors
            return new ParityInfo(difference, histories.Length, 1 - LeastMeanCosine) { MeanCosine = cosines / histories.Length };
        }

        return new ParityInfo(Math.Max(difference, MaxAbsDifference(tower.Encode(histories), trained)), histories.Length, Tolerance);
    }

    /// <summary>NaN if either contains one: NaN must never count as equal.</summary>
    public static double MaxAbsDifference(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        InvalidDataException.ThrowIf(actual.Length != expected.Length, $"The exported graph gives {actual.Length} values, the trained network {expected.Length}.");

        double largest = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs((double)actual[i] - expected[i])); // Math.Max keeps a NaN.
        }

        return largest;
    }

    public static bool Holds(ParityInfo parity) =>
        parity.MeanCosine is { } cosine ? 1 - cosine <= parity.Tolerance : parity.MaxAbsDifference <= parity.Tolerance;

    public static ParityInfo Require(string file, ParityInfo parity) => Holds(parity)
        ? parity
        : throw new UserErrorException(
            $"{file} differs from the trained network by {parity.MaxAbsDifference:G3} over {parity.Cases} cases; allowed: {parity.Tolerance:G3}. " +
            "Nothing was exported. Train again; if the error persists, report it.");
}

/// <summary>Histories of real users, drawn at random, to compare networks and indexes on.</summary>
internal static class SampledHistories
{
    public static TimedHistory[] Draw(UserHistories histories, int count, long seed)
    {
        int[] users = [.. Enumerable.Range(0, histories.UserCount).Where(user => !histories.At(user).IsEmpty)];
        new Random((int)seed).Shuffle(users);
        return [.. users.Take(count).Select(user => new TimedHistory(
            histories.MemoryAt(user), histories.TimesMemoryAt(user), histories.TimesAt(user) is [.., long latest] ? latest : 0))];
    }
}

/// <summary>Items without a name and random histories: enough to compare an imported network with its graph if no data is prepared.</summary>
internal static class InventedData
{
    /// <summary>V items without metadata.</summary>
    public static Catalog Catalog(ModelInfo model) =>
        new([.. Enumerable.Range(0, model.Items).Select(row => new CatalogItem(row, row, $"{row}", [], 0))]);

    /// <summary>Histories of 1 to L items, all equally likely.</summary>
    public static UserHistories Histories(ModelInfo model, int count, long seed)
    {
        var random = new Random(unchecked((int)seed));
        var offsets = new long[count + 1];
        var items = new List<int>();
        for (int user = 0; user < count; user++)
        {
            int length = random.Next(1, model.MaxLength + 1);
            items.AddRange(Enumerable.Range(0, length).Select(_ => random.Next(model.Items)));
            offsets[user + 1] = items.Count;
        }

        return new UserHistories([.. Enumerable.Range(0, count).Select(user => (EntityId)user)], offsets, [.. items]);
    }
}

/// <param name="Files">The written files, the user tower first.</param>
internal sealed record StateDictionarySummary(IReadOnlyList<string> Files, long Parameters);

/// <summary>The networks as safetensors with PyTorch's names and shapes, for use there or for 'import': the header stores what the weights
/// do not contain. <c>items.txt</c> lists the item ids of the item table's rows.</summary>
internal static class StateDictionaryExport
{
    public const string UserTowerName = "user_tower.safetensors";
    public const string RankerName = "ranker.safetensors";

    public static async Task<StateDictionarySummary> RunAsync(StepContext context)
    {
        Workspace workspace = context.Workspace;
        PreparedData? data = await ExportStep.LoadDataAsync(context);
        (ModelInfo model, List<NamedTensor> tower) = ModelFolder.Retriever.Read(
            ModelFolder.ServedRetriever(workspace), data, (model, weights) => (model, weights.Values.ToList()));
        string folder = Directory.CreateDirectory(workspace.ExportFolder).FullName;
        if (model.Positions == Positions.Rotary)
        {
            // PyTorch's module has the frequencies as a buffer, which strict loading requires.
            int headWidth = model.Dimension / model.Heads;
            var frequencies = new NamedTensor(UserTowerLayout.RotaryName, [headWidth / 2], RotaryFrequencies.Of(model.RopeBase, headWidth));
            tower.AddRange(MemberWeights.Join([.. Enumerable.Repeat<NamedTensor[]>([frequencies], model.Members ?? 1)]));
        }

        List<string> files = [Path.Combine(folder, UserTowerName)];
        SafetensorsFile.Write(files[0], tower, WeightsMetadata.Of(model));
        context.Progress.Report(new ProgressEvent { Fraction = 0.5 });
        long parameters = tower.Sum(tensor => tensor.Values.LongLength);
        if (RankerExport.IsUsable(context, data))
        {
            using RankerNetwork ranker = ModelFolder.ReadRanker(workspace.RankerFolder, data);
            IReadOnlyList<NamedTensor> weights = NetworkWeights.Of(ranker);
            files.Add(Path.Combine(folder, RankerName));
            SafetensorsFile.Write(files[1], weights, WeightsMetadata.Of(ranker.Model));
            parameters += weights.Sum(tensor => tensor.Values.LongLength);
        }

        if (RetrieverItems.Find(workspace, data) is { } itemIds)
        {
            files.Add(Path.Combine(folder, RetrieverItems.FileName));
            ItemMapFile.Write(files[^1], itemIds);
        }

        context.Progress.Report(new ProgressEvent { Fraction = 1 });
        return new StateDictionarySummary(files, parameters);
    }
}

/// <summary>A retriever in its served form: the exported graph, one history at a time, and the exported item embeddings.</summary>
/// <param name="embeddings">Path of [V', D], L2-normalized.</param>
/// <param name="rows">[V] the retriever's row of each item of the data, or -1 for an unknown item; null if the rows are the data's.</param>
internal sealed class ExportedRetriever(string name, string tower, string embeddings, ModelInfo model, int[]? rows = null) : IScorer, IDisposable
{
    public const string Int8Name = "retriever-int8";

    private readonly OnnxUserTower _tower = new(tower, model);
    private readonly (float[] Values, int Dimension) _items = NpyFile.Read(embeddings);

    public string Name => name;

    public static ExportedRetriever OpenInt8(Workspace workspace, PreparedData data)
    {
        string path = Path.Combine(workspace.ExportFolder, ArtifactNames.UserTowerInt8);
        return File.Exists(path)
            ? new ExportedRetriever(Int8Name, path, Path.Combine(workspace.ExportFolder, ArtifactNames.ItemEmbeddings), ExportReport.Read(workspace, data).Model)
            : throw new UserErrorException($"There is no {path}. Run 'export' first; it omits the file if 8 bits are not accurate enough.");
    }

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        int items = rows?.Length ?? _items.Values.Length / _items.Dimension; // V
        for (int b = 0; b < histories.Count; b++)
        {
            TimedHistory history = rows is null ? histories[b] : Known(histories[b], rows);
            ReadOnlySpan<float> user = rows is not null && history.Items.IsEmpty ? default : _tower.Encode([history]); // [D]
            for (int item = 0; item < items; item++)
            {
                int row = rows?[item] ?? item;
                scores[b * items + item] = row < 0 || user.IsEmpty
                    ? float.NegativeInfinity
                    : TensorPrimitives.Dot(user, _items.Values.AsSpan(row * _items.Dimension, _items.Dimension));
            }
        }
    }

    public void Dispose() => _tower.Dispose();

    private static TimedHistory Known(TimedHistory history, int[] rows)
    {
        int[] places = [.. Enumerable.Range(0, history.Items.Length).Where(t => rows[history.Items.Span[t]] >= 0)];
        return new TimedHistory(
            Array.ConvertAll(places, t => rows[history.Items.Span[t]]),
            history.Times.IsEmpty ? default(ReadOnlyMemory<long>) : Array.ConvertAll(places, t => history.Times.Span[t]), history.Now);
    }
}
