namespace NanoRecSys.Web.Components.Telemetry;

/// <summary>A logarithmic axis of milliseconds: both a cache hit and a slow request are visible.</summary>
/// <param name="LowMs">At the bottom.</param>
/// <param name="HighMs">At the top.</param>
public sealed record LatencyScale(double LowMs, double HighMs)
{
    private const double ShortestMs = 0.01;
    private const int MostTicks = 6;
    private static readonly double[] Steps = [1, 2, 5];

    /// <summary>From a round number below the shortest to one above the longest.</summary>
    public static LatencyScale Of(IEnumerable<double> milliseconds)
    {
        double[] all = [.. milliseconds.Select(ms => Math.Max(ms, ShortestMs))];
        return all.Length == 0
            ? new LatencyScale(0.1, 100)
            : new LatencyScale(RoundNumbers(all.Min() / 10, all.Min()).Last(), RoundNumbers(all.Max() * 1.0001, all.Max() * 10).First());
    }

    /// <summary>Position of a duration, in percent from the top.</summary>
    public double Top(double ms) => 100 * (Math.Log(HighMs) - Math.Log(Math.Clamp(ms, LowMs, HighMs))) / (Math.Log(HighMs) - Math.Log(LowMs));

    /// <summary>Round numbers from the bottom to the top; of many only the powers of ten.</summary>
    public IReadOnlyList<double> Ticks()
    {
        double[] all = [.. RoundNumbers(LowMs, HighMs)];
        return all.Length <= MostTicks ? all : [.. all.Where(ms => Math.Abs(Math.Log10(ms) - Math.Round(Math.Log10(ms))) < 1e-6)];
    }

    // 1, 2 and 5 times the powers of ten; the tolerance is for their rounding.
    private static IEnumerable<double> RoundNumbers(double low, double high) => Enumerable
        .Range((int)Math.Floor(Math.Log10(low)), (int)(Math.Ceiling(Math.Log10(high)) - Math.Floor(Math.Log10(low))) + 1)
        .SelectMany(power => Steps.Select(step => step * Math.Pow(10, power)))
        .Where(ms => ms >= low * (1 - 1e-9) && ms <= high * (1 + 1e-9));
}
