using System.Numerics.Tensors;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Core.Features;

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

    /// <summary>Whether the signal needs the candidate's trained embedding. A new item has none, and the signal is 0.</summary>
    public static bool NeedsEmbedding(string signal) => signal is Cosine or Recent;
}

/// <summary>Computes the signals that a ranker names; training, evaluation and serving all use it.</summary>
/// <param name="names">Of <see cref="RankerSignals.All"/>.</param>
/// <param name="features">Of the V items.</param>
/// <param name="embeddings">[V, D] the retriever's, L2-normalised.</param>
/// <param name="dimension">D</param>
internal sealed class SignalReader(IReadOnlyList<string> names, ItemFeatures features, ReadOnlyMemory<float> embeddings, int dimension)
{
    private readonly int[] _columns = [.. names.Select(name => RankerSignals.All.ToList().IndexOf(name))];

    /// <summary>S</summary>
    public int Count => _columns.Length;

    /// <summary>Reads the signals of one user's candidates.</summary>
    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="rows">[C] trained candidates.</param>
    /// <param name="cosines">[C] the retriever's scores of them.</param>
    /// <param name="signals">[C, S] to be filled.</param>
    public void Read(ReadOnlySpan<int> history, ReadOnlySpan<int> rows, ReadOnlySpan<float> cosines, Span<float> signals)
    {
        if (Count == 0)
        {
            return;
        }

        HistoryProfile profile = Summarize(history);
        for (int c = 0; c < rows.Length; c++)
        {
            Read(profile, rows[c], cosines[c], signals.Slice(c * Count, Count));
        }
    }

    /// <param name="history">Item rows, oldest first; rows from V on are new items, which training has not seen, and are skipped.</param>
    public HistoryProfile Summarize(ReadOnlySpan<int> history) => HistoryProfile.Of(history, features, embeddings.Span, dimension);

    /// <summary>Reads a trained candidate's signals.</summary>
    /// <param name="profile">Of the user's history.</param>
    /// <param name="row">The candidate's, below V.</param>
    /// <param name="cosine">The retriever's score of it.</param>
    /// <param name="signals">[S] to be filled.</param>
    public void Read(HistoryProfile profile, int row, float cosine, Span<float> signals)
    {
        Span<float> all = stackalloc float[RankerSignals.All.Count];
        profile.Compare(cosine, embeddings.Span.Slice(row * dimension, dimension), features.GenresOf(row), features.ReleaseYears[row], all);
        Select(all, signals);
    }

    /// <summary>Reads a new item's signals: 0 where a trained embedding is needed.</summary>
    public void Read(HistoryProfile profile, CatalogItem item, Span<float> signals)
    {
        Span<float> all = stackalloc float[RankerSignals.All.Count];
        Span<float> genres = stackalloc float[features.Genres.Count];
        genres.Clear();
        features.FlagGenres(item.Categories, genres);
        profile.Compare(0, default, genres, item.Year ?? 0, all);
        Select(all, signals);
    }

    private void Select(ReadOnlySpan<float> all, Span<float> signals)
    {
        for (int s = 0; s < _columns.Length; s++)
        {
            signals[s] = all[_columns[s]];
        }
    }
}

/// <summary>A user's history summed up once, to compare many candidates with.</summary>
internal sealed class HistoryProfile
{
    // The weight of each item relative to the one after it: a taste in genres lasts longer than today's interest.
    private const float RecentDecay = 0.8f;
    private const float YearDecay = 0.9f;
    private const float GenreDecay = 0.97f;

    private const int RecentItems = 20;
    private const int ReadItems = 200;

    /// <summary>Two movies that are this many years apart, or more, have a signal of 0.</summary>
    private const float FarYears = 40;

    private readonly float[] _recent; // [D]
    private readonly float[] _genres; // [G], of length 1
    private readonly float? _year;

    private HistoryProfile(float[] recent, float[] genres, float? year) => (_recent, _genres, _year) = (recent, genres, year);

    /// <param name="history">Item rows, oldest first; rows from V on are skipped.</param>
    /// <param name="features">Of the V items.</param>
    /// <param name="embeddings">[V, D], of length 1.</param>
    /// <param name="dimension">D</param>
    public static HistoryProfile Of(ReadOnlySpan<int> history, ItemFeatures features, ReadOnlySpan<float> embeddings, int dimension)
    {
        var recent = new float[dimension];
        var genres = new float[features.Genres.Count];
        (float recentSum, float yearSum, float years) = (0, 0, 0);
        (float recentWeight, float yearWeight, float genreWeight) = (1, 1, 1);
        int read = 0;
        for (int t = history.Length - 1; t >= 0 && read < ReadItems; t--)
        {
            int row = history[t];
            if (row >= features.ReleaseYears.Length)
            {
                continue;
            }

            if (read++ < RecentItems)
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
    /// <param name="embedding">[D] of length 1; empty for a new item.</param>
    /// <param name="genres">[G] 1 where it has the genre.</param>
    /// <param name="year">Of release; 0 if unknown.</param>
    /// <param name="signals">[4] receives them in the order of <see cref="RankerSignals.All"/>.</param>
    public void Compare(float cosine, ReadOnlySpan<float> embedding, ReadOnlySpan<float> genres, int year, Span<float> signals)
    {
        signals[0] = cosine;
        signals[1] = embedding.IsEmpty ? 0 : TensorPrimitives.Dot(_recent, embedding);
        signals[2] = TensorPrimitives.Dot(_genres, genres) / Root(genres);
        signals[3] = year > 0 && _year is { } usual ? 1 - Math.Min(Math.Abs(year - usual), FarYears) / FarYears : 0;
    }

    // The more genres an item has, the less each says.
    private static float Root(ReadOnlySpan<float> genres) => MathF.Sqrt(Math.Max(1, TensorPrimitives.Sum(genres)));
}
