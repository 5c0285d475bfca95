using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>
/// What the mean of a figure over users would have been for other users: resamples of the users, with
/// replacement (Efron, 1979). All series see the same resamples, so that their differences are paired.
/// </summary>
public sealed class Bootstrap
{
    private const double Tail = 0.025; // on each side: 95% intervals

    private readonly double[][] _means; // [series][resamples]

    private Bootstrap(double[][] means) => _means = means;

    /// <param name="values">[series][U]</param>
    /// <param name="resamples">How many; 1,000 give the ends of an interval within a few percent of its width.</param>
    /// <param name="seed">The same seed and values make the same intervals, on any number of threads.</param>
    /// <param name="threads">CPU threads.</param>
    /// <param name="cancellation">Stops between resamples.</param>
    public static Bootstrap Of(
        IReadOnlyList<float[]> values, int resamples, long seed, int threads, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 1);
        int series = values.Count;
        int users = series == 0 ? 0 : values[0].Length;
        float[] byUser = new float[users * series]; // [U, series]: a drawn user is one stretch of memory
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

    /// <summary>Of one series' mean.</summary>
    public ConfidenceInterval Interval(int series) => Percentiles([.. _means[series]]);

    /// <summary>Of the difference of two means, the first less the second.</summary>
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
