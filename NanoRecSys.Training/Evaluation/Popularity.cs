namespace NanoRecSys.Training.Evaluation;

/// <summary>The same ranking for everyone: an item's interactions in the training part, summed by weight.</summary>
/// <remarks>Held-out validation items do not count even on test, since the trained models have not learned from them either.</remarks>
/// <param name="trainWeights">[V]</param>
internal sealed class Popularity(IReadOnlyList<double> trainWeights) : IScorer
{
    public const string ModelName = "popularity";

    private const int Most = 200; // items served: enough for a list even after the user's history is excluded

    private readonly float[] _scores = [.. trainWeights.Select(weight => (float)weight)]; // [V]

    public string Name => ModelName;

    /// <summary>As the lists of an item-item model: the most popular items follow every item.</summary>
    /// <param name="trainWeights">[V]</param>
    public static ItemLists Lists(IReadOnlyList<double> trainWeights)
    {
        Candidate[] popular = [.. trainWeights.Select((weight, row) => new Candidate(row, (float)weight)).Where(item => item.Score > 0)
            .OrderByDescending(item => item.Score).ThenBy(item => item.Row).Take(Most)];
        return ItemLists.Of([.. Enumerable.Repeat(popular, trainWeights.Count)], decay: 0); // one item of the history is enough
    }

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        for (int b = 0; b < histories.Count; b++)
        {
            _scores.CopyTo(scores[(b * _scores.Length)..]);
        }
    }
}

/// <summary>An item's interactions in the training part within some days before the target's time; ties are broken by those in
/// the whole training part. It uses only what serving would know at that time.</summary>
internal sealed class RecentPopularity : IScorer
{
    public const string ModelName = "popularity-recent";

    private readonly long[] _times; // [N] ascending
    private readonly int[] _rows; // [N] parallel to _times
    private readonly float[] _shares; // [V] below 1
    private readonly long _window; // in seconds

    /// <param name="trainCounts">[V]</param>
    public RecentPopularity(DataSplit split, IReadOnlyList<int> trainCounts, double days)
    {
        _window = (long)TimeSpan.FromDays(days).TotalSeconds;
        int count = trainCounts.Sum();
        (_times, _rows) = (new long[count], new int[count]);
        for (int user = 0, n = 0; user < split.UserCount; n += split.Train(user).Length, user++)
        {
            split.TrainTimes(user).CopyTo(_times.AsSpan(n));
            split.Train(user).CopyTo(_rows.AsSpan(n));
        }

        Array.Sort(_times, _rows);
        _shares = [.. trainCounts.Select(own => (float)own / (count + 1))];
    }

    public string Name => ModelName;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        for (int b = 0; b < histories.Count; b++)
        {
            Span<float> own = scores.Slice(b * _shares.Length, _shares.Length);
            _shares.CopyTo(own);
            for (int n = TimeSplit.CountBefore(histories[b].Now - _window, _times), end = TimeSplit.CountBefore(histories[b].Now, _times); n < end; n++)
            {
                own[_rows[n]]++;
            }
        }
    }
}

/// <summary>A model's scores with the log of each item's share of the training part added. It undoes a logQ correction, and shows how much of a metric
/// is due to popularity; it is not the model itself, so its metrics are not comparable.</summary>
/// <param name="inner">The model; owned by the caller.</param>
/// <param name="logShares">[V]</param>
internal sealed class LogPopularityScorer(IScorer inner, float[] logShares) : IScorer
{
    public string Name => inner.Name;

    public int? Depth => inner.Depth;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        inner.Score(histories, scores);
        float scale = (float)inner.LogitScale;
        for (int b = 0; b < histories.Count; b++)
        {
            Span<float> own = scores.Slice(b * logShares.Length, logShares.Length);
            for (int item = 0; item < own.Length; item++)
            {
                own[item] = scale * own[item] + logShares[item];
            }
        }
    }
}
