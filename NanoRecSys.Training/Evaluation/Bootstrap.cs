namespace NanoRecSys.Training.Evaluation;

/// <summary>How the mean of a metric varies with the choice of users, estimated by resampling users with replacement (Efron, 1979). All series
/// share the same resamples, so their differences are paired.</summary>
internal sealed class Bootstrap
{
    private const double Tail = 0.025; // on each side: 95% intervals

    private readonly double[][] _means; // [series][resamples]

    private Bootstrap(double[][] means) => _means = means;

    /// <param name="values">[series][U]</param>
    public static Bootstrap Of(
        IReadOnlyList<float[]> values, int resamples, long seed, int threads, CancellationToken cancellation = default)
    {
        int series = values.Count;
        int users = series == 0 ? 0 : values[0].Length;
        float[] byUser = new float[users * series]; // [U, series]: a drawn user's values are contiguous
        for (int s = 0; s < series; s++)
        {
            for (int user = 0; user < users; user++)
            {
                byUser[user * series + s] = values[s][user];
            }
        }

        double[][] means = [.. values.Select(_ => new double[resamples])];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        Parallel.For(0, resamples, parallel, () => new double[series], (resample, _, sums) =>
        {
            Sum(byUser, users, new SeededDraws(seed, resample), sums);
            for (int s = 0; s < series; s++)
            {
                means[s][resample] = sums[s] / Math.Max(1, users);
            }

            return sums;
        }, _ => { });
        return new Bootstrap(means);
    }

    /// <summary>Interval of one series' mean.</summary>
    public ConfidenceInterval Interval(int series) => Percentiles([.. _means[series]]);

    /// <summary>Interval of the first mean minus the second.</summary>
    public ConfidenceInterval DifferenceInterval(int first, int second) => Percentiles([.. _means[first].Zip(_means[second], (a, b) => a - b)]);

    private static void Sum(float[] byUser, int users, SeededDraws draws, double[] sums)
    {
        Array.Clear(sums);
        for (int n = 0; n < users; n++)
        {
            ReadOnlySpan<float> drawn = byUser.AsSpan((int)draws.Next(users) * sums.Length, sums.Length);
            for (int s = 0; s < drawn.Length; s++)
            {
                sums[s] += drawn[s];
            }
        }
    }

    private static ConfidenceInterval Percentiles(double[] means)
    {
        Array.Sort(means);
        int outside = (int)(Tail * means.Length);
        return new ConfidenceInterval(means[outside], means[^(outside + 1)]);
    }
}

/// <summary>Intervals of several models' metrics on the same users, and of their differences.</summary>
/// <param name="ranks">[models][U]</param>
internal sealed class Confidence(IReadOnlyList<int[]> ranks, int resamples, long seed, int threads)
{
    private const int K = 10;

    private static readonly (string Name, Func<int, int, double> Of)[] Metrics =
        [($"hr@{K}", RankingMetrics.Hit), ($"ndcg@{K}", RankingMetrics.Gain)];

    private readonly Bootstrap _bootstrap = Bootstrap.Of(
        [.. ranks.SelectMany(_ => Metrics, (own, metric) => Array.ConvertAll(own, rank => (float)metric.Of(rank, K)))],
        resamples, seed, threads);

    public IReadOnlyDictionary<string, ConfidenceInterval> IntervalsOf(int model) =>
        Metrics.Index().ToDictionary(metric => metric.Item.Name, metric => _bootstrap.Interval(Series(model, metric.Index)));

    /// <summary>The difference of every pair of models, the better one first.</summary>
    /// <param name="results">[models] in the order of the ranks.</param>
    public IEnumerable<PairedDifference> Differences(IReadOnlyList<EvaluationResult> results)
    {
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

/// <param name="Metric">Such as <c>ndcg@10</c>.</param>
/// <param name="Model">The better model, if the difference is positive.</param>
internal sealed record PairedDifference(
    string Split, string Metric, string Model, string Other, double Difference, ConfidenceInterval Interval)
{
    public bool IsSignificant => Interval.Low > 0 || Interval.High < 0;

    public PairedDifference Reversed => this with
    {
        Model = Other,
        Other = Model,
        Difference = -Difference,
        Interval = new ConfidenceInterval(-Interval.High, -Interval.Low),
    };
}
