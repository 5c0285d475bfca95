using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>The same for everyone: how often an item was interacted with in the training part, by the interactions' weights.</summary>
/// <remarks>
/// On the test split, too: the held-out validation items do not count, since the trained models have not
/// learned from them either.
/// </remarks>
/// <param name="trainWeights">[V]</param>
internal sealed class Popularity(IReadOnlyList<double> trainWeights) : IScorer
{
    private readonly float[] _scores = [.. trainWeights.Select(weight => (float)weight)]; // [V]

    public string Name => "popularity";

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        for (int b = 0; b < histories.Count; b++)
        {
            _scores.CopyTo(scores[(b * _scores.Length)..]);
        }
    }
}

/// <summary>
/// A model's scores with the log of each item's share of the training part added. It undoes a logQ correction,
/// and asks how much of a figure is popularity; it is not the model, so its figures are not comparable.
/// </summary>
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
