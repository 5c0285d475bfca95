using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Numerics.Tensors;
using NanoRecSys.Api.Items;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Contracts;
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
    private readonly Lock _placing = new();
    private int _isPlacing; // 1 while a task does it in the background
    private NewItems? _newItems;
    private FirstMovies? _firstMovies;
    private FrozenSet<string>? _genres;
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

    /// <summary>Adds item-item models to the cosines; null if these alone find the candidates.</summary>
    public ItemBlend? Blend { get; init; }

    /// <summary>Places new items among the trained ones; null in versions that were published without it.</summary>
    public ContentMap? ContentMap { get; init; }

    /// <summary>[V, 2] each item's position on a plane; null in versions that were published without it.</summary>
    public float[]? ItemMap { get; init; }

    /// <summary>All item rows, most interactions first.</summary>
    public required IReadOnlyList<int> ByPopularity { get; init; }

    /// <summary>What new users most likely start with; counted when the version is loaded.</summary>
    public FirstMovies FirstMovies => LazyInitializer.EnsureInitialized(ref _firstMovies, () => FirstMovies.Of(Histories, ByPopularity));

    /// <summary>Of the most popular item.</summary>
    public int MostInteractions => ByPopularity.Count == 0 ? 0 : Catalog.Items[ByPopularity[0]].Count;

    /// <summary>
    /// When the newest interaction came: the present of a model, whatever the clock says. By the clock everyone of a
    /// data set from years ago would have been away for years, which training has never seen.
    /// </summary>
    public required long DataUntil { get; init; }

    public string Version => Artifacts.Manifest.ModelVersion;

    /// <summary>All genres of the catalog, in any spelling of case.</summary>
    public FrozenSet<string> Genres => LazyInitializer.EnsureInitialized(ref _genres,
        () => Catalog.Items.SelectMany(item => item.Categories).ToFrozenSet(StringComparer.OrdinalIgnoreCase));

    /// <summary>Encoded once, at the first request for a movie's audience; others wait for it.</summary>
    public UserSample Sample => LazyInitializer.EnsureInitialized(ref _sample, ref _onceLock, () => UserSample.Draw(this));

    public TitleSearch Titles => LazyInitializer.EnsureInitialized(ref _titles, ref _onceLock, () => new TitleSearch(Catalog.Items));

    /// <summary>
    /// The model's catalog with movies that were added since. A few that are not placed yet are placed at once; of many (after a
    /// start, or when a model was swapped) the answer has those that are, while a task places the others.
    /// </summary>
    public NewItems Extend(AddedList added)
    {
        NewItems known = Volatile.Read(ref _newItems) ?? LazyInitializer.EnsureInitialized(ref _newItems, () => NewItems.None(this));
        if (ReferenceEquals(known.Source, added) || known.Source.BeginsWith(added))
        {
            return known;
        }

        if (known.Missing(added) <= NewItems.PlacedAtOnce)
        {
            return Place(added);
        }

        if (Interlocked.Exchange(ref _isPlacing, 1) == 0)
        {
            Task.Run(() =>
            {
                try
                {
                    // Part by part, so that a request never waits for all of them, and until another list is placed.
                    for (NewItems placed = known; placed.Source.Count < added.Count && ReferenceEquals(placed, _newItems);)
                    {
                        placed = Place(added);
                    }
                }
                finally
                {
                    Volatile.Write(ref _isPlacing, 0);
                }
            });
        }

        return known;
    }

    private NewItems Place(AddedList added)
    {
        lock (_placing)
        {
            NewItems known = _newItems!;
            if (!known.Source.BeginsWith(added))
            {
                Volatile.Write(ref _newItems, known = known.Add(this, added));
            }

            return known;
        }
    }

    public MovieInfo MovieAt(int row) => Catalog.Items[row].ToMovieInfo();

    /// <summary>What a list is ordered by, as the score that is shown; it grows with it.</summary>
    public float ToScore(float value) => Artifacts.Manifest.Calibration is { } calibration ? calibration.Apply(value)
        : Ranker is null ? value
        : ServedRanker.Squash(value);

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
            Blend?.Dispose();
            (Index as IDisposable)?.Dispose(); // one of the FAISS library, or in a mapped file
        }
    }
}

/// <summary>All movies of one request: the model's, and behind them those that were added since.</summary>
internal sealed record ServedCatalog(ModelSnapshot Model, NewItems News)
{
    /// <summary>V + N rows.</summary>
    public int Count => News.Index.Count;

    public bool TryFind(EntityId id, out int row)
    {
        bool found = Model.Catalog.TryFind(id, out ItemIndex index);
        row = index.Value;
        return found || News.TryFind(id, out row);
    }

    /// <summary>Whether the user tower can read it: it knows what it was trained on.</summary>
    public bool IsRead(int row) => row < Model.Catalog.Count;

    public CatalogItem ItemAt(int row) => IsRead(row) ? Model.Catalog.Items[row] : News.At(row);

    public MovieInfo MovieAt(int row) => ItemAt(row).ToMovieInfo();

    /// <summary>[D], of length 1.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) => IsRead(row) ? Model.Items.Row(row) : News.EmbeddingOf(row);
}

/// <summary>
/// Number of users who had a movie among their first ten: the cold-start recommendations for new users. On three data sets it
/// names 17 to 25% more of a new user's first ten movies than counts of all interactions do (docs/lab/decisions.md).
/// </summary>
internal sealed class FirstMovies
{
    /// <summary>Movies of one user that count: 5 and 20 predicted fewer.</summary>
    public const int PerUser = 10;

    private readonly int[] _counts; // [V]

    private FirstMovies(int[] counts, IReadOnlyList<int> byCount) => (_counts, ByCount) = (counts, byCount);

    /// <summary>All item rows, those that most users start with first; among equals the more popular first.</summary>
    public IReadOnlyList<int> ByCount { get; }

    /// <summary>Of the first of <see cref="ByCount"/>.</summary>
    public int Most => ByCount.Count == 0 ? 0 : _counts[ByCount[0]];

    /// <param name="histories">Of rows below the catalog's count.</param>
    /// <param name="byPopularity">[V] rows, most interactions first.</param>
    public static FirstMovies Of(UserHistories histories, IReadOnlyList<int> byPopularity)
    {
        var counts = new int[byPopularity.Count];
        for (int user = 0; user < histories.UserCount; user++)
        {
            ReadOnlySpan<int> history = histories.At(user);
            ReadOnlySpan<int> first = history[..Math.Min(history.Length, PerUser)];
            for (int t = 0; t < first.Length; t++)
            {
                counts[first[t]] += first[..t].Contains(first[t]) ? 0 : 1; // a user counts once
            }
        }

        return new FirstMovies(counts, [.. byPopularity.OrderByDescending(row => counts[row])]); // the sort is stable
    }

    /// <returns>0 for movies that came after the training.</returns>
    public int CountOf(int row) => row < _counts.Length ? _counts[row] : 0;
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
            model.ContentMap.Embed(news.Item.Title, news.Item.Year, items[count].Categories).CopyTo(embeddings, count * dimension);
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
