using System.Numerics.Tensors;

namespace NanoRecSys.Core.Features;

/// <summary>A user's history summed up once, to compare many candidates with.</summary>
public sealed class HistoryProfile
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
        ArgumentNullException.ThrowIfNull(features);
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
