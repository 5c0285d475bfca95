using System.Collections.Frozen;
using System.Numerics.Tensors;
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
        () => Catalog.Items.SelectMany(item => item.Genres).ToFrozenSet(StringComparer.OrdinalIgnoreCase));

    /// <summary>Encoded once, at the first request for a movie's audience; others wait for it.</summary>
    public UserSample Sample => LazyInitializer.EnsureInitialized(ref _sample, ref _onceLock, () => UserSample.Draw(this));

    public TitleSearch Titles => LazyInitializer.EnsureInitialized(ref _titles, ref _onceLock, () => new TitleSearch(Catalog.Items));

    /// <summary>The model's catalog with movies that were added since; made once for each list of them.</summary>
    public NewItems Extend(IReadOnlyList<CatalogItem> added)
    {
        NewItems? known = Volatile.Read(ref _newItems);
        if (known is null || !ReferenceEquals(known.Source, added))
        {
            // Two requests may both do it; they make the same.
            Volatile.Write(ref _newItems, known = NewItems.Place(this, added));
        }

        return known;
    }

    public MovieInfo MovieAt(int row) => Catalog.Items[row].ToMovieInfo();

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

/// <summary>All movies of one request: the model's, and behind them those that were added since.</summary>
internal sealed record ServedCatalog(ModelSnapshot Model, NewItems News)
{
    /// <summary>V + N rows.</summary>
    public int Count => News.Index.Count;

    public bool TryFind(int movieId, out int row)
    {
        bool found = Model.Catalog.TryFind(new ItemId(movieId), out ItemIndex index);
        row = index.Value;
        return found || News.TryFind(movieId, out row);
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
/// on where the model's end, so that one search finds both. Immutable; built again when an item is added.
/// </summary>
internal sealed class NewItems
{
    private readonly IReadOnlyList<CatalogItem> _items;
    private readonly float[] _embeddings; // [N, D]

    private readonly Dictionary<int, int> _rowOfMovie;

    private NewItems(IVectorIndex index, int firstRow, IReadOnlyList<CatalogItem> items, float[] embeddings)
    {
        (Index, FirstRow, _items, _embeddings) = (index, firstRow, items, embeddings);
        _rowOfMovie = items.ToDictionary(item => item.MovieId, item => item.Index);
    }

    /// <summary>Of all V + N rows, the model's and then the new ones.</summary>
    public IVectorIndex Index { get; }

    /// <summary>V, the row of the first one.</summary>
    public int FirstRow { get; }

    /// <summary>N; 0 where the version has no content map to place them with.</summary>
    public int Count => _items.Count;

    /// <param name="model">Whose catalogue they join.</param>
    /// <param name="items">Oldest first; index and count are set here. Movies that the model knows already are left out.</param>
    public static NewItems Place(ModelSnapshot model, IEnumerable<CatalogItem> items)
    {
        int first = model.Catalog.Count;
        CatalogItem[] placed = model.ContentMap is null ? [] : [.. items
            .Where(item => !model.Catalog.TryFind(new ItemId(item.MovieId), out _))
            .Select((item, place) => item with { Index = first + place, Count = 0, Genres = SpeltAs(model, item.Genres) })];
        float[] embeddings = [.. placed.SelectMany(item => model.ContentMap!.Embed(item.Title, item.Year, item.Genres))];
        return new NewItems(placed.Length == 0 ? model.Index : ExtendedIndex.Add(model.Index, embeddings), first, placed, embeddings)
        {
            Source = items as IReadOnlyList<CatalogItem>,
        };
    }

    // The model's features know a genre by its spelling.
    private static string[] SpeltAs(ModelSnapshot model, IReadOnlyList<string> genres) =>
        [.. genres.Select(genre => model.Genres.TryGetValue(genre, out string? known) ? known : genre).Distinct()];

    /// <summary>What the items were placed from: the same list makes the same rows.</summary>
    internal IReadOnlyList<CatalogItem>? Source { get; init; }

    /// <summary>The row of a new movie.</summary>
    public bool TryFind(int movieId, out int row) => _rowOfMovie.TryGetValue(movieId, out row);

    /// <summary>Whether this is the row of a new item.</summary>
    public bool Holds(int row) => row >= FirstRow && row < FirstRow + Count;

    public CatalogItem At(int row) => _items[row - FirstRow];

    /// <summary>[D] estimated from what is known of the item, of length 1.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) => _embeddings.AsSpan((row - FirstRow) * Index.Dimension, Index.Dimension);
}
