using System.Numerics.Tensors;
using NanoRecSys.Api.Items;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Serving;

/// <summary>
/// One published version in memory, immutable: everything that a request reads of a model comes from one snapshot.
/// Its native parts live until the last lease is released.
/// </summary>
internal sealed class ModelSnapshot
{
    private int _leases = 1; // the slot's own
    private CatalogBuilder? _builder;
    private FirstItems? _firstItems;
    private int? _mostInteractions;
    private AttributeTable? _attributes;
    private int[]? _limited;
    private TitleSearch? _titles;
    private UserSample? _sample;
    private object? _onceLock;

    public required ArtifactVersion Artifacts { get; init; }

    public required Catalog Catalog { get; init; }

    public required UserHistories Histories { get; init; }

    public required UserTowers UserTowers { get; init; }

    /// <summary>Embeddings of <see cref="Histories"/>, computed at publish; null if requests compute them.</summary>
    public HalfRows? UserEmbeddings { get; init; }

    public required IVectorIndex Index { get; init; }

    public required ItemVectors Items { get; init; }

    /// <summary>Null if the version has no second stage: the retriever's scores pass through.</summary>
    public ServedRanker? Ranker { get; init; }

    /// <summary>Places new items among the trained ones; null in versions that were published without it.</summary>
    public ContentMap? ContentMap { get; init; }

    /// <summary>[V, 2] each item's position on a plane; null in versions that were published without it.</summary>
    public float[]? ItemMap { get; init; }

    /// <summary>All item rows, most interactions first.</summary>
    public required IReadOnlyList<int> ByPopularity { get; init; }

    /// <summary>What new users most likely start with; counted when the version is loaded.</summary>
    public FirstItems FirstItems => LazyInitializer.EnsureInitialized(ref _firstItems, () => FirstItems.Of(Histories, ByPopularity));

    /// <summary>Of the item that has most.</summary>
    public int MostInteractions => _mostInteractions ??= Catalog.Items.Select(item => item.Count).DefaultIfEmpty(0).Max();

    /// <summary>Of the most popular item.</summary>
    public double MostPopularity => ByPopularity.Count == 0 ? 0 : Catalog.Items[ByPopularity[0]].Popularity;

    /// <summary>
    /// When the newest interaction came: the present of a model, whatever the clock says. By the clock everyone of a
    /// data set from years ago would have been away for years, which training has never seen.
    /// </summary>
    public required long DataUntil { get; init; }

    public string Version => Artifacts.Manifest.ModelVersion;

    /// <summary>What filters read of the catalog's items.</summary>
    public AttributeTable Attributes => LazyInitializer.EnsureInitialized(ref _attributes, () => new AttributeTable(Catalog.Items));

    /// <summary>Rows of the items that are not always available.</summary>
    public int[] Limited => LazyInitializer.EnsureInitialized(
        ref _limited, () => [.. Catalog.Items.Where(CatalogBuilder.IsLimited).Select(item => item.Index)]);

    /// <summary>Encoded once, at the first request for an item's audience; others wait for it.</summary>
    public UserSample Sample => LazyInitializer.EnsureInitialized(ref _sample, ref _onceLock, () => UserSample.Draw(this));

    public TitleSearch Titles => LazyInitializer.EnsureInitialized(ref _titles, ref _onceLock, () => new TitleSearch(Catalog.Items));

    /// <summary>The model's catalog with what was said of items since.</summary>
    public ServedCatalog Extend(ItemLog log, DateTimeOffset now) =>
        LazyInitializer.EnsureInitialized(ref _builder, ref _onceLock, () => new CatalogBuilder(this)).Extend(log, now);

    /// <summary>False after the last lease was released: the snapshot is disposed, take the current one.</summary>
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
            UserTowers.Dispose();
            UserEmbeddings?.Dispose();
            Ranker?.Dispose();
            (Index as IDisposable)?.Dispose(); // one of the FAISS library, or in a mapped file
        }
    }
}

/// <summary>
/// Number of users who had an item among their first ten, and the weight of what they did: the cold-start recommendations for new users. On three data sets it
/// names 17 to 25% more of a new user's first ten items than counts of all interactions do (docs/lab/decisions.md).
/// </summary>
internal sealed class FirstItems
{
    /// <summary>Items of one user that count: 5 and 20 predicted fewer.</summary>
    public const int PerUser = 10;

    private readonly int[] _counts; // [V]
    private readonly double[] _weights; // [V]

    private FirstItems(int[] counts, double[] weights, IReadOnlyList<int> byWeight) => (_counts, _weights, ByWeight) = (counts, weights, byWeight);

    /// <summary>All item rows, those that most users start with first; among equals the more popular first.</summary>
    public IReadOnlyList<int> ByWeight { get; }

    /// <summary>Of the first of <see cref="ByWeight"/>.</summary>
    public double Most => ByWeight.Count == 0 ? 0 : _weights[ByWeight[0]];

    /// <param name="histories">Of rows below the catalog's count.</param>
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
                if (!first[..t].Contains(first[t])) // a user counts once
                {
                    counts[first[t]]++;
                    weights[first[t]] += own.IsEmpty ? 1 : own[t];
                }
            }
        }

        return new FirstItems(counts, weights, [.. byPopularity.OrderByDescending(row => weights[row])]); // the sort is stable
    }

    /// <returns>0 for items that came after the training.</returns>
    public int CountOf(int row) => row < _counts.Length ? _counts[row] : 0;

    /// <returns>0 for items that came after the training.</returns>
    public double WeightOf(int row) => row < _weights.Length ? _weights[row] : 0;
}

/// <summary>The item tower's output: one row per item, of length 1, so that a dot product is a cosine.</summary>
internal sealed class ItemVectors
{
    private readonly float[] _values; // [V, D]

    private ItemVectors(float[] values, int dimension)
    {
        _values = values;
        Dimension = dimension;
    }

    public int Dimension { get; }

    public int Count => _values.Length / Dimension;

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

    /// <summary>[V, D], row-major.</summary>
    public ReadOnlyMemory<float> Values => _values;

    /// <summary>[D]</summary>
    public ReadOnlySpan<float> Row(int row) => _values.AsSpan(row * Dimension, Dimension);

    public float Cosine(int a, int b) => TensorPrimitives.Dot(Row(a), Row(b));
}

/// <summary>
/// Items that entered the catalogue after the training, placed among the others by the content map. Their rows go
/// on where the model's end, so that one search finds both. Immutable; one with more items shares the rows of those before it.
/// </summary>
internal sealed class NewItems
{
    /// <summary>How many a request places at once: about as many as it costs 10 ms to place.</summary>
    public const int PlacedAtOnce = 256;

    private const int LooseRows = 512; // as many become an index of their own: fewer are compared faster than they are indexed
    private const int MaxParts = 8; // as many indexes are gathered into one

    private readonly CatalogItem[] _items; // [N] and room for more; written only behind the end of every instance that shares it
    private readonly float[] _embeddings; // [N, D], likewise
    private readonly ConcurrentDictionary<EntityId, int> _rowOfMovie;
    private readonly IVectorIndex _indexed; // the model's rows and all of the new ones but the last few
    private readonly int _parts; // in it beside the model's

    private NewItems(
        IVectorIndex indexed, int parts, IVectorIndex index, int firstRow, int count, CatalogItem[] items, float[] embeddings,
        ConcurrentDictionary<EntityId, int> rowOfMovie)
    {
        (_indexed, _parts, Index, FirstRow, Count) = (indexed, parts, index, firstRow, count);
        (_items, _embeddings, _rowOfMovie) = (items, embeddings, rowOfMovie);
    }

    /// <summary>Of all V + N rows, the model's and then the new ones.</summary>
    public IVectorIndex Index { get; }

    /// <summary>V, the row of the first one.</summary>
    public int FirstRow { get; }

    /// <summary>N; 0 where the version has no content map to place them with.</summary>
    public int Count { get; }

    /// <summary>Identifies the content of all N, in any order.</summary>
    public long Hash { get; private init; }

    /// <summary>What they were placed from, with movies that the model knows already.</summary>
    public AddedList Source { get; private init; } = AddedList.Empty;

    public static NewItems None(ModelSnapshot model) => new(model.Index, 0, model.Index, model.Catalog.Count, 0, [], [], new());

    /// <summary>How many of a list are not placed here.</summary>
    public int Missing(AddedList added) => added.Count - (added.BeginsWith(Source) ? Source.Count : 0);

    /// <summary>Only the latest instance may be added to.</summary>
    /// <param name="model">Whose catalogue they join. Movies that it knows already are left out.</param>
    /// <param name="added">Goes on where <see cref="Source"/> ends, or is another list, of which all are placed anew.</param>
    /// <returns>One that has the next <see cref="PlacedAtOnce"/> of them.</returns>
    public NewItems Add(ModelSnapshot model, AddedList added)
    {
        NewItems before = added.BeginsWith(Source) ? this : None(model);
        AddedList source = added.Take(Math.Min(added.Count, before.Source.Count + PlacedAtOnce));
        (CatalogItem[] items, float[] embeddings, int count, long hash) = (before._items, before._embeddings, before.Count, before.Hash);
        int dimension = model.Index.Dimension;
        foreach (AddedItem news in source.Items[before.Source.Count..])
        {
            if (model.ContentMap is null || model.Catalog.TryFind(news.Item.Id, out _))
            {
                continue;
            }

            if (count == items.Length)
            {
                Array.Resize(ref items, Math.Max(16, 2 * count));
                Array.Resize(ref embeddings, items.Length * dimension);
            }

            items[count] = news.Item with { Index = FirstRow + count, Categories = SpeltAs(model, news.Item.Categories) };
            model.ContentMap.Embed(items[count]).CopyTo(embeddings, count * dimension);
            before._rowOfMovie[news.Item.Id] = FirstRow + count;
            hash ^= news.Hash;
            count++;
        }

        ExtendedIndex Index(IVectorIndex first) // with all rows that are not in it
        {
            int start = first.Count - FirstRow;
            return ExtendedIndex.Add(first, embeddings.AsMemory(start * dimension, (count - start) * dimension));
        }

        (IVectorIndex indexed, int parts) = (before._indexed, before._parts);
        if (FirstRow + count - indexed.Count >= LooseRows)
        {
            (indexed, parts) = parts < MaxParts ? (Index(indexed), parts + 1) : (Index(model.Index), 1);
        }

        IVectorIndex index = indexed.Count == FirstRow + count ? indexed : Index(indexed);
        return new NewItems(indexed, parts, index, FirstRow, count, items, embeddings, before._rowOfMovie) { Source = source, Hash = hash };
    }

    // The model's features know a genre by its spelling.
    private static string[] SpeltAs(ModelSnapshot model, IReadOnlyList<string> genres) =>
        [.. genres.Select(genre => model.Genres.TryGetValue(genre, out string? known) ? known : genre).Distinct()];

    /// <summary>The row of a new movie.</summary>
    public bool TryFind(EntityId id, out int row) => _rowOfMovie.TryGetValue(id, out row) && Holds(row);

    /// <summary>Whether this is the row of a new item.</summary>
    public bool Holds(int row) => row >= FirstRow && row < FirstRow + Count;

    public CatalogItem At(int row) => _items[row - FirstRow];

    /// <summary>[D] estimated from what is known of the item, of length 1.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) => _embeddings.AsSpan((row - FirstRow) * Index.Dimension, Index.Dimension);
}
