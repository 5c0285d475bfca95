using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Intervals of several models' figures on the same users, and of their differences.</summary>
/// <param name="ranks">[models][U]</param>
/// <param name="resamples">See <see cref="Bootstrap.Of"/>.</param>
/// <param name="seed">See there.</param>
/// <param name="threads">See there.</param>
public sealed class Confidence(IReadOnlyList<int[]> ranks, int resamples, long seed, int threads)
{
    private const int K = 10;

    private static readonly (string Name, Func<int, int, double> Of)[] Metrics =
        [($"hr@{K}", RankingMetrics.Hit), ($"ndcg@{K}", RankingMetrics.Gain)];

    private readonly Bootstrap _bootstrap = Bootstrap.Of(
        [.. ranks.SelectMany(_ => Metrics, (own, metric) => Array.ConvertAll(own, rank => (float)metric.Of(rank, K)))],
        resamples, seed, threads);

    /// <param name="model">Place in the ranks.</param>
    public IReadOnlyDictionary<string, ConfidenceInterval> IntervalsOf(int model) =>
        Metrics.Select((metric, m) => (metric.Name, Interval: _bootstrap.Interval(Series(model, m))))
            .ToDictionary(pair => pair.Name, pair => pair.Interval);

    /// <summary>Of every two models, the one that is ahead first.</summary>
    /// <param name="results">[models] whose ranks they are.</param>
    public IEnumerable<PairedDifference> Differences(IReadOnlyList<EvaluationResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        for (int m = 0; m < Metrics.Length; m++)
        {
            string metric = Metrics[m].Name;
            for (int first = 0; first < results.Count; first++)
            {
                for (int second = first + 1; second < results.Count; second++)
                {
                    var difference = new PairedDifference(
                        results[first].Split, metric, results[first].Model, results[second].Model,
                        results[first].Metrics[metric] - results[second].Metrics[metric],
                        _bootstrap.DifferenceInterval(Series(first, m), Series(second, m)));
                    yield return difference.Difference < 0 ? difference.Reversed : difference;
                }
            }
        }
    }

    private static int Series(int model, int metric) => model * Metrics.Length + metric;
}
