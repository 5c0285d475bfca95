using NanoRecSys.Core.Data;
namespace NanoRecSys.Training.Evaluation;

/// <summary>The same for everyone: how often an item was interacted with in the training part.</summary>
/// <remarks>
/// On the test split, too: the held-out validation items do not count, since the trained models have not
/// learned from them either.
/// </remarks>
/// <param name="trainCounts">[V]</param>
public sealed class Popularity(IReadOnlyList<int> trainCounts) : IScorer
{
    private readonly float[] _scores = [.. trainCounts.Select(count => (float)count)]; // [V]

    public string Name => "popularity";

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        ArgumentNullException.ThrowIfNull(histories);
        for (int b = 0; b < histories.Count; b++)
        {
            _scores.CopyTo(scores[(b * _scores.Length)..]);
        }
    }
}
