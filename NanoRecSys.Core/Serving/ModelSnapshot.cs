using System.Numerics.Tensors;
using NanoRecSys.Core.Events;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>
/// One published version in memory, immutable: all model data for a request comes from one snapshot.
/// Its native parts live until the last lease is released.
/// </summary>
internal sealed class ModelSnapshot
{
    private int _leases = 1; // the slot's own lease
    private CatalogBuilder? _builder;
    private object? _onceLock;

    public required ArtifactVersion Artifacts { get; init; }
    public required Catalog Catalog { get; init; }
    public required UserHistories Histories { get; init; }
    public required UserTowers UserTowers { get; init; }
    public HalfRows? UserEmbeddings { get; init; } // embeddings of Histories, computed at publish; null if requests compute them
    public required IVectorIndex Index { get; init; }
    public required ItemVectors Items { get; init; }
    public ServedRanker? Ranker { get; init; } // null if the version has none: the retriever's scores are served
    public ItemBlend? Blend { get; init; } // adds item-item models to the cosines; null if the cosines alone find the candidates
    public ContentMap? ContentMap { get; init; } // places new items among the trained ones; null in versions published without it
    public float[]? ItemMap { get; init; } // [V, 2] each item's position on a plane; null in versions published without it
    public required IReadOnlyList<int> ByPopularity { get; init; } // all item rows, most interactions first
    public required IReadOnlyList<IDisposable> NativeParts { get; init; } // those of the parts above that have to be disposed

    /// <summary>The items that users most often start with, for new users; counted when the version is loaded.</summary>
    public FirstItems FirstItems => LazyInitializer.EnsureInitialized(ref field, () => FirstItems.Of(Histories, ByPopularity));

    public double MostPopularity => ByPopularity.Count == 0 ? 0 : Catalog.Items[ByPopularity[0]].Popularity; // of the most popular item

    /// <summary>
    /// Time of the newest interaction, which is the model's present, regardless of the clock. By the clock, all users of an
    /// old data set would have been away for years, which never occurs in training.
    /// </summary>
    public required long DataUntil { get; init; }

    public string Version => Artifacts.Manifest.ModelVersion;

    public AttributeTable Attributes => LazyInitializer.EnsureInitialized(ref field, () => new AttributeTable(Catalog.Items));

    /// <summary>Rows of the items that are not always available.</summary>
    public int[] Limited => LazyInitializer.EnsureInitialized(
        ref field, () => [.. Catalog.Items.Where(CatalogBuilder.IsLimited).Select(item => item.Index)]);

    /// <summary>Computed once, at the first request for an item's audience; other requests wait for it.</summary>
    public SampledUser[] Sample => LazyInitializer.EnsureInitialized(ref field, ref _onceLock, () => UserSample.Draw(this));

    public TitleSearch Titles => LazyInitializer.EnsureInitialized(ref field, ref _onceLock, () => new TitleSearch(Catalog.Items));

    /// <summary>The model's catalog with the item changes since the training.</summary>
    public ServedCatalog Extend(ItemLog log, DateTimeOffset now) =>
        (Volatile.Read(ref _builder) ?? LazyInitializer.EnsureInitialized(ref _builder, ref _onceLock, () => new CatalogBuilder(this))).Extend(log, now);

    /// <summary>Converts the value that orders a list to the score that is shown; monotonically increasing.</summary>
    public float ToScore(float value) => Artifacts.Manifest.Calibration is { } calibration ? calibration.Apply(value)
        : Ranker is null ? value
        : ServedRanker.Squash(value);

    /// <summary>Whether a deleted user's history may not be served, because it was read before the deletion, by clocks that may differ by minutes.</summary>
    /// <param name="forgottenAt">In microseconds since 1970; 0 if never.</param>
    public bool Forgets(long forgottenAt) =>
        forgottenAt > 0 && !(Artifacts.Manifest.Dataset.EventsRead - Clocks.AllowedSkew > DateTimeOffset.UnixEpoch.AddMicroseconds(forgottenAt));

    /// <summary>False after the last lease was released: the snapshot is disposed, so use the current one.</summary>
    internal bool TryAddLease()
    {
        int leases = Volatile.Read(ref _leases);
        while (leases > 0)
        {
            int seen = Interlocked.CompareExchange(ref _leases, leases + 1, leases);
            if (seen == leases)
            {
                return true;
            }

            leases = seen;
        }

        return false;
    }

    internal void ReleaseLease()
    {
        if (Interlocked.Decrement(ref _leases) == 0)
        {
            foreach (IDisposable part in NativeParts)
            {
                part.Dispose();
            }
        }
    }
}

/// <summary>
/// Number of users who had an item among their first ten, and the weight of these interactions: the recommendations for new users. On three data sets it
/// predicts 17 to 25% more of a new user's first ten items than counts of all interactions do (docs/lab/decisions.md).
/// </summary>
internal sealed class FirstItems
{
    public const int PerUser = 10; // number of items counted per user: 5 and 20 predicted fewer

    private readonly int[] _counts; // [V]
    private readonly double[] _weights; // [V]

    private FirstItems(int[] counts, double[] weights, IReadOnlyList<int> byWeight) => (_counts, _weights, ByWeight) = (counts, weights, byWeight);

    public IReadOnlyList<int> ByWeight { get; } // all item rows, most frequent starting items first, ties by popularity
    public double Most => ByWeight.Count == 0 ? 0 : _weights[ByWeight[0]]; // weight of the first of ByWeight

    /// <param name="histories">Their rows must be below the catalog's count.</param>
    /// <param name="byPopularity">[V] rows, most interactions first.</param>
    public static FirstItems Of(UserHistories histories, IReadOnlyList<int> byPopularity)
    {
        var counts = new int[byPopularity.Count];
        double[] weights = new double[byPopularity.Count];
        for (int user = 0; user < histories.UserCount; user++)
        {
            ReadOnlySpan<int> history = histories.At(user);
            ReadOnlySpan<int> first = history[..Math.Min(history.Length, PerUser)];
            ReadOnlySpan<float> own = histories.WeightsAt(user);
            for (int t = 0; t < first.Length; t++)
            {
                if (!first[..t].Contains(first[t])) // a user counts only once
                {
                    counts[first[t]]++;
                    weights[first[t]] += own.IsEmpty ? 1 : own[t];
                }
            }
        }

        return new FirstItems(counts, weights, [.. byPopularity.OrderByDescending(row => weights[row])]); // the sort is stable
    }

    /// <returns>0 for items added after the training.</returns>
    public int CountOf(int row) => row < _counts.Length ? _counts[row] : 0;

    /// <returns>0 for items added after the training.</returns>
    public double WeightOf(int row) => row < _weights.Length ? _weights[row] : 0;
}

/// <summary>The item tower's output: one row of unit length per item, so that a dot product is a cosine.</summary>
/// <param name="values">[V, D], row-major.</param>
internal sealed class ItemVectors(float[] values, int dimension)
{
    public int Dimension => dimension;
    public int Count => values.Length / dimension;
    public ReadOnlyMemory<float> Values => values; // [V, D], row-major

    public static ItemVectors Load(ArtifactVersion version)
    {
        (float[] values, int dimension) = NpyFile.Read(version.PathOf(ArtifactNames.ItemEmbeddings));
        for (int start = 0; start < values.Length; start += dimension)
        {
            Span<float> row = values.AsSpan(start, dimension);
            float norm = TensorPrimitives.Norm<float>(row);
            if (norm > 0)
            {
                TensorPrimitives.Divide(row, norm, row);
            }
        }

        return new ItemVectors(values, dimension);
    }

    /// <summary>[D]</summary>
    public ReadOnlySpan<float> Row(int row) => values.AsSpan(row * dimension, dimension);
}

/// <summary>Options for reading a version.</summary>
/// <param name="UserTower">One of <see cref="UserTowerPrecision"/>.</param>
/// <param name="UserEmbeddings">Whether to use the embeddings computed at publish.</param>
/// <param name="Engine">One of <see cref="IndexEngines"/>.</param>
internal sealed record ModelReaderOptions(
    string UserTower = UserTowerPrecision.Auto, bool UserEmbeddings = true, string Engine = IndexEngines.Managed);

/// <summary>Loads a published version into memory: files, agreement with the manifest, warm-up. The hashes are already verified.</summary>
internal static class ModelReader
{
    private const int WarmUpRounds = 3;

    /// <param name="files">The files to read; mapped files stay mapped even if they are deleted.</param>
    /// <param name="folder">The version's own folder, if <paramref name="files"/> is a copy of it.</param>
    /// <exception cref="ArtifactException">Its parts do not match.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static async Task<ModelSnapshot> ReadAsync(ArtifactVersion files, string folder, ModelReaderOptions options, CancellationToken cancellationToken)
    {
        Manifest manifest = files.Manifest;
        Catalog catalog = await CatalogFile.ReadAsync(files.PathOf(ArtifactNames.Catalog), cancellationToken);
        ItemVectors items = ItemVectors.Load(files);
        UserHistories histories = HistoriesFile.Read(files.Folder);
        var nativeParts = new List<IDisposable>();
        try
        {
            var snapshot = new ModelSnapshot
            {
                Artifacts = files with { Folder = folder },
                Catalog = catalog,
                Histories = histories,
                DataUntil = histories.LastTime,
                Items = items,
                ContentMap = manifest.ContentMap is { } map ? ContentMap.Read(files.PathOf(map.File), files.PathOf(map.Features)) : null,
                ItemMap = manifest.ItemMap is { } plane ? await ItemPlaneFile.ReadAsync(files.PathOf(plane.File), cancellationToken) : null,
                Index = Owned(ReadIndex(files.PathOf(manifest.Index.File), options.Engine)),
                UserTowers = Owned(UserTowers.Open(files, options.UserTower)),
                UserEmbeddings = options.UserEmbeddings && manifest.UserEmbeddings is { } file ? Owned(HalfRows.Map(files.PathOf(file))) : null,
                Ranker = manifest.Ranker is { } info ? Owned(new ServedRanker(files, info, new ItemFeatures(catalog, info.Items), items)) : null,
                Blend = manifest.Blend is { Count: > 0 } lists ? Owned(ItemBlend.Open(files.Folder, lists)) : null,
                NativeParts = nativeParts,
                ByPopularity = [.. catalog.Items.OrderByDescending(item => item.Popularity).ThenBy(item => item.Index).Select(item => item.Index)],
            };
            RequireAgreement(snapshot);
            RequireNumbers(snapshot.UserEmbeddings);
            WarmUp(snapshot);
            return snapshot;
        }
        catch
        {
            nativeParts.ForEach(part => part.Dispose());
            throw;
        }

        T Owned<T>(T part)
        {
            if (part is IDisposable native) // not an index in memory
            {
                nativeParts.Add(native);
            }

            return part;
        }
    }

    private static IVectorIndex ReadIndex(string path, string engine)
    {
        try
        {
            return engine == IndexEngines.Faiss ? NativeIndex.Read(path) : FaissFile.Read(path);
        }
        catch (FaissException e)
        {
            throw new ArtifactException($"The engine '{engine}' (setting Index:Engine) cannot search: {e.Message}", e);
        }
    }

    // The hashes ensure that each part is intact, but only the manifest shows whether the parts belong together.
    private static void RequireAgreement(ModelSnapshot snapshot)
    {
        ModelInfo model = snapshot.Artifacts.Manifest.Model;
        Require("catalog rows", snapshot.Catalog.Count, model.Items);
        Require("index rows", snapshot.Index.Count, model.Items);
        Require("index dimension", snapshot.Index.Dimension, model.EmbeddingDimension);
        Require("item embedding rows", snapshot.Items.Count, model.Items);
        Require("item embedding dimension", snapshot.Items.Dimension, model.EmbeddingDimension);
        Require("user embeddings' rows", snapshot.UserEmbeddings?.Count ?? snapshot.Histories.UserCount, snapshot.Histories.UserCount);
        Require("user embeddings' dimension", snapshot.UserEmbeddings?.Columns ?? model.EmbeddingDimension, model.EmbeddingDimension);
        Require("item lists' rows", snapshot.Blend?.Count ?? model.Items, model.Items);
        Require("item map rows", (snapshot.ItemMap?.Length ?? 2 * model.Items) / 2, model.Items);
        Require("content map's dimension", snapshot.ContentMap?.Dimension ?? model.EmbeddingDimension, model.EmbeddingDimension);
        if (snapshot.Histories.Items.IndexOfAnyExceptInRange(0, model.Items - 1) is >= 0 and int at)
        {
            throw new ArtifactException($"A history holds item row {snapshot.Histories.Items[at]}, the model has {model.Items} items. Run 'publish' again.");
        }
    }

    // These answer for users whose history has not changed, and the warm-up does not compute them.
    private static void RequireNumbers(HalfRows? embeddings)
    {
        for (int row = 0; row < embeddings?.Count; row++)
        {
            if (!embeddings.Row(row).All(float.IsFinite))
            {
                throw new ArtifactException($"Row {row} of the user embeddings has values that are not finite. Run 'export' and 'publish' again.");
            }
        }
    }

    private static void Require(string what, int actual, int expected)
    {
        if (actual != expected)
        {
            throw new ArtifactException($"The {what} are {actual}, the manifest says {expected}. Run 'export', 'index' and 'publish' again.");
        }
    }

    // The first call of an ONNX session plans its memory, and the JIT compiles the search: no request should wait for that.
    private static void WarmUp(ModelSnapshot snapshot)
    {
        _ = snapshot.FirstItems;
        ServedCatalog catalog = snapshot.Extend(ItemLog.Empty, default);
        int[] history = [.. snapshot.ByPopularity.Take(snapshot.Artifacts.Manifest.Model.MaxLength)];
        var candidates = new Candidate[Math.Min(100, snapshot.Catalog.Count)];
        for (int round = 0; round < WarmUpRounds; round++)
        {
            float[] user = snapshot.UserTowers.Served.Encode(new TimedHistory(history, default, snapshot.DataUntil)); // [D]
            int found = snapshot.Index.Search(user, RowFilter.None, candidates);
            float[]? scores = snapshot.Ranker?.Score(catalog, user, history, candidates.AsSpan(0, found)); // [C]
            if (!user.All(float.IsFinite) || scores?.All(float.IsFinite) == false)
            {
                throw new ArtifactException("The model answers with values that are not finite. Run 'export' and 'publish' again.");
            }
        }
    }
}
