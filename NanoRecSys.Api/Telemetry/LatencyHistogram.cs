namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// Counts durations in bins of equal relative width, 1 µs to 150 s: fixed size, percentiles within 2%, and histograms can be added.
/// Any number of threads may add. Two kilobytes; HdrHistogram needs eleven for two digits, and 300 seconds have ten histograms each.
/// </summary>
internal sealed class LatencyHistogram
{
    private const double SmallestMs = 0.001;
    private const double Growth = 1.04;
    private const int Bins = 480;
    private static readonly double LogGrowth = Math.Log(Growth);

    private readonly int[] _counts = new int[Bins];

    public long Count => _counts.Sum(count => (long)count); // computed on demand: a field would be another cache line that all threads write

    public void Add(double milliseconds)
    {
        int bin = milliseconds <= SmallestMs ? 0 : (int)(Math.Log(milliseconds / SmallestMs) / LogGrowth);
        Interlocked.Increment(ref _counts[Math.Min(bin, Bins - 1)]);
    }

    /// <summary>Adds another histogram's counts to this one; no other thread may add to it at the same time.</summary>
    public void Add(LatencyHistogram other)
    {
        for (int bin = 0; bin < Bins; bin++)
        {
            _counts[bin] += Volatile.Read(ref other._counts[bin]);
        }
    }

    /// <summary>Non-empty bins, as bin, count, bin, count, for another process to add with <see cref="AddPairs"/>.</summary>
    public int[] ReadPairs()
    {
        var pairs = new List<int>();
        for (int bin = 0; bin < Bins; bin++)
        {
            if (Volatile.Read(ref _counts[bin]) is > 0 and var count)
            {
                pairs.AddRange([bin, count]);
            }
        }

        return [.. pairs];
    }

    /// <exception cref="FormatException">They are not in the form of <see cref="ReadPairs"/>.</exception>
    public void AddPairs(ReadOnlySpan<int> pairs)
    {
        for (int i = 0; i < pairs.Length; i += 2)
        {
            if (i + 1 == pairs.Length || pairs[i] is < 0 or >= Bins || pairs[i + 1] < 0)
            {
                throw new FormatException($"Expected pairs of a bin of 0 to {Bins - 1} and a count, got '{string.Join(',', pairs[i..Math.Min(i + 2, pairs.Length)].ToArray())}'.");
            }

            _counts[pairs[i]] += pairs[i + 1];
        }
    }

    /// <summary>The duration (ms) that the given share (0..1) of all durations does not exceed; 0 if empty. Nearest rank.</summary>
    public double Percentile(double share)
    {
        long rank = Math.Max(1, (long)Math.Ceiling(share * Count));
        long seen = 0;
        for (int bin = 0; bin < Bins; bin++)
        {
            seen += _counts[bin];
            if (seen >= rank)
            {
                return SmallestMs * Math.Pow(Growth, bin + 0.5); // the bin's geometric middle
            }
        }

        return 0;
    }
}
