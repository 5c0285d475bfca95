using NanoRecSys.Core.Data;

namespace NanoRecSys.Core.Features;

/// <summary>
/// The ranker's content inputs, made from the catalog in the same way for training and for serving.
/// </summary>
internal sealed class ItemFeatures
{
    /// <summary>Unknown, before 1970, the 70s, 80s, 90s, 2000 and later.</summary>
    public const int YearBuckets = 6;

    private readonly float[] _popularity; // [V]
    private readonly int[] _yearBuckets; // [V]
    private readonly int[] _releaseYears; // [V]
    private readonly float[] _genres; // [V, G], 1 where the item has the genre
    private readonly Dictionary<string, int> _columns;

    /// <param name="catalog">Items with their counts.</param>
    /// <param name="genres">The genre vocabulary, as <see cref="Vocabulary"/> gives it; its order is part of a trained ranker.</param>
    public ItemFeatures(Catalog catalog, IReadOnlyList<string> genres)
    {
        Genres = genres;
        _popularity = new float[catalog.Count];
        _yearBuckets = new int[catalog.Count];
        _releaseYears = new int[catalog.Count];
        _genres = new float[catalog.Count * genres.Count];
        float logMax = MathF.Log(1 + catalog.Items.Select(item => item.Count).DefaultIfEmpty(0).Max());
        TypicalCount = TypicalCountOf(catalog);
        TypicalPopularity = logMax > 0 ? MathF.Log(1 + TypicalCount) / logMax : 0;
        _columns = genres.Select((name, column) => (name, column)).ToDictionary(g => g.name, g => g.column);
        foreach (CatalogItem item in catalog.Items)
        {
            _popularity[item.Index] = logMax > 0 ? MathF.Log(1 + item.Count) / logMax : 0;
            _yearBuckets[item.Index] = YearBucket(item.Year);
            _releaseYears[item.Index] = item.Year ?? 0;
            FlagGenres(item.Categories, _genres.AsSpan(item.Index * genres.Count, genres.Count));
        }
    }

    public IReadOnlyList<string> Genres { get; }

    /// <summary>[V] log(1 + count) / log(1 + largest count), in 0..1.</summary>
    public ReadOnlySpan<float> Popularity => _popularity;

    /// <summary>
    /// What stands for the popularity of a new item: that of the item of an average interaction. A new item's own, 0, would
    /// say that nobody wants it, where nobody could have it.
    /// </summary>
    public float TypicalPopularity { get; }

    /// <summary>The count that <see cref="TypicalPopularity"/> is made of.</summary>
    public int TypicalCount { get; }

    /// <summary>[V] see <see cref="YearBucket"/>.</summary>
    public ReadOnlySpan<int> Years => _yearBuckets;

    /// <summary>[V] 0 where it is not known.</summary>
    public ReadOnlySpan<int> ReleaseYears => _releaseYears;

    /// <summary>[G] 1 where the item at <paramref name="row"/> has the genre, else 0.</summary>
    public ReadOnlySpan<float> GenresOf(int row) => _genres.AsSpan(row * Genres.Count, Genres.Count);

    /// <summary>The same of an item that the catalog does not hold; genres that the vocabulary lacks are left out.</summary>
    /// <param name="genres">The item's.</param>
    /// <param name="flags">[G] zeros; set to 1 where the item has the genre.</param>
    public void FlagGenres(IReadOnlyList<string> genres, Span<float> flags)
    {
        foreach (string genre in genres)
        {
            if (_columns.TryGetValue(genre, out int column))
            {
                flags[column] = 1;
            }
        }
    }

    /// <summary>The catalog's genres in alphabetical order.</summary>
    public static IReadOnlyList<string> Vocabulary(Catalog catalog)
    {
        return [.. catalog.Items.SelectMany(item => item.Categories).Distinct().Order(StringComparer.Ordinal)];
    }

    // The mean of the logarithm over interactions, not items: most items are hardly ever asked about.
    private static int TypicalCountOf(Catalog catalog)
    {
        double interactions = catalog.Items.Sum(item => (double)item.Count);
        return interactions > 0 ? (int)Math.Round(Math.Exp(catalog.Items.Sum(item => item.Count * Math.Log(1 + item.Count)) / interactions) - 1) : 0;
    }

    public static int YearBucket(int? year) => year switch
    {
        null => 0,
        < 1970 => 1,
        < 1980 => 2,
        < 1990 => 3,
        < 2000 => 4,
        _ => 5,
    };
}
