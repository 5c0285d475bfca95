using System.Numerics.Tensors;
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
            FlagGenres(item.Genres, _genres.AsSpan(item.Index * genres.Count, genres.Count));
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
        return [.. catalog.Items.SelectMany(item => item.Genres).Distinct().Order(StringComparer.Ordinal)];
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

/// <summary>A user's history summed up once, to compare many candidates with.</summary>
internal sealed class HistoryProfile
{
    // Each item counts so much of the one after it: a taste in genres lasts longer than what one is after today.
    private const float RecentDecay = 0.8f;
    private const float YearDecay = 0.9f;
    private const float GenreDecay = 0.97f;

    private const int RecentItems = 20;
    private const int ReadItems = 200;

    /// <summary>Years apart at which two films are as far as can be.</summary>
    private const float FarYears = 40;

    private readonly float[] _recent; // [D]
    private readonly float[] _genres; // [G], of length 1
    private readonly float? _year;

    private HistoryProfile(float[] recent, float[] genres, float? year) => (_recent, _genres, _year) = (recent, genres, year);

    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="features">Of all items.</param>
    /// <param name="embeddings">[V, D], of length 1.</param>
    /// <param name="dimension">D</param>
    public static HistoryProfile Of(ReadOnlySpan<int> history, ItemFeatures features, ReadOnlySpan<float> embeddings, int dimension)
    {
        var recent = new float[dimension];
        var genres = new float[features.Genres.Count];
        (float recentSum, float yearSum, float years) = (0, 0, 0);
        (float recentWeight, float yearWeight, float genreWeight) = (1, 1, 1);
        for (int back = 1; back <= Math.Min(ReadItems, history.Length); back++)
        {
            int row = history[^back];
            if (back <= RecentItems)
            {
                TensorPrimitives.MultiplyAdd(embeddings.Slice(row * dimension, dimension), recentWeight, recent, recent);
                recentSum += recentWeight;
            }

            if (features.ReleaseYears[row] is var year and > 0)
            {
                years += yearWeight * year;
                yearSum += yearWeight;
            }

            TensorPrimitives.MultiplyAdd(features.GenresOf(row), genreWeight / Root(features.GenresOf(row)), genres, genres);
            (recentWeight, yearWeight, genreWeight) = (recentWeight * RecentDecay, yearWeight * YearDecay, genreWeight * GenreDecay);
        }

        TensorPrimitives.Divide(recent, Math.Max(recentSum, 1), recent);
        TensorPrimitives.Divide(genres, Math.Max(TensorPrimitives.Norm<float>(genres), 1e-6f), genres);
        return new HistoryProfile(recent, genres, yearSum > 0 ? years / yearSum : null);
    }

    /// <summary>Compares a candidate with the history.</summary>
    /// <param name="cosine">The retriever's score of it.</param>
    /// <param name="embedding">[D] of length 1.</param>
    /// <param name="genres">[G] 1 where it has the genre.</param>
    /// <param name="year">Of release; 0 where it is not known.</param>
    /// <param name="signals">[4] receives them in the order of <see cref="RankerSignals.All"/>.</param>
    public void Compare(float cosine, ReadOnlySpan<float> embedding, ReadOnlySpan<float> genres, int year, Span<float> signals)
    {
        signals[0] = cosine;
        signals[1] = TensorPrimitives.Dot(_recent, embedding);
        signals[2] = TensorPrimitives.Dot(_genres, genres) / Root(genres);
        signals[3] = year > 0 && _year is { } usual ? 1 - Math.Min(Math.Abs(year - usual), FarYears) / FarYears : 0;
    }

    // Of an item with many genres each says less.
    private static float Root(ReadOnlySpan<float> genres) => MathF.Sqrt(Math.Max(1, TensorPrimitives.Sum(genres)));
}

/// <summary>
/// What a ranker may read of a user and a candidate beside their embeddings. Each is about -1..1, and 0 says nothing.
/// </summary>
internal static class RankerSignals
{
    /// <summary>The retriever's score.</summary>
    public const string Cosine = "cosine";

    /// <summary>Nearness to the last items of the history, the last one counting most.</summary>
    public const string Recent = "recent";

    /// <summary>How far the candidate's genres are those of the history.</summary>
    public const string Genres = "genres";

    /// <summary>How near the candidate's year is to those of the history.</summary>
    public const string Years = "years";

    /// <summary>In the order in which <see cref="HistoryProfile"/> writes them.</summary>
    public static readonly IReadOnlyList<string> All = [Cosine, Recent, Genres, Years];

    /// <summary>Does the signal need the candidate's trained embedding? A new item has none, and the signal is 0.</summary>
    public static bool NeedsEmbedding(string signal) => signal is Cosine or Recent;
}
