namespace NanoRecSys.Training.Evaluation;

/// <summary>The same for everyone: how often an item was interacted with in the training part, by the interactions' weights.</summary>
/// <remarks>On the test split, too: the held-out validation items do not count, since the trained models have not learned from them either.</remarks>
/// <param name="trainWeights">[V]</param>
internal sealed class Popularity(IReadOnlyList<double> trainWeights) : IScorer
{
    public const string ModelName = "popularity";

    private const int Most = 200; // items that are served: more than a user sees of a list, and has had of them

    private readonly float[] _scores = [.. trainWeights.Select(weight => (float)weight)]; // [V]

    public string Name => ModelName;

    /// <summary>In the form in which item-item models are served: after any item, the most popular ones.</summary>
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

/// <summary>How often an item was interacted with in the training part within some days before the moment of the question; where that is equal, in
/// the whole training part. It knows no more than serving would at that moment.</summary>
internal sealed class RecentPopularity : IScorer
{
    public const string ModelName = "popularity-recent";

    private readonly long[] _times; // [N] ascending
    private readonly int[] _rows; // [N] beside them
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

/// <summary>A model's scores with the log of each item's share of the training part added. It undoes a logQ correction, and asks how much of a figure
/// is popularity; it is not the model, so its figures are not comparable.</summary>
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
