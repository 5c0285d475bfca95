using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>A window as some sixty steps of equal length, for a chart.</summary>
internal static class TelemetrySeries
{
    private const int Steps = 60;

    /// <param name="slots">Of the window, in any order.</param>
    /// <param name="secondsPerSlot">Width of each.</param>
    /// <param name="windowSeconds">How far back the window looks.</param>
    /// <param name="started">When the service began.</param>
    /// <param name="now">The window's end.</param>
    public static TelemetryPoint[] Of(TrafficSlot[] slots, int secondsPerSlot, int windowSeconds, DateTimeOffset started, DateTimeOffset now)
    {
        int slotsPerStep = Math.Max(1, windowSeconds / secondsPerSlot / Steps);
        long secondsPerStep = (long)slotsPerStep * secondsPerSlot;
        long last = now.ToUnixTimeSeconds() / secondsPerStep;
        // A step that lies only partly in the window is left out: it would look like a fall in traffic.
        long first = Math.Max(last - windowSeconds / secondsPerStep + 1, started.ToUnixTimeSeconds() / secondsPerStep);
        ILookup<long, TrafficSlot> bySteps = slots.ToLookup(slot => slot.Number / slotsPerStep);
        return [.. Range(first, last).Select(step => Point(step, secondsPerStep, bySteps[step], now))];
    }

    private static IEnumerable<long> Range(long first, long last)
    {
        for (long step = first; step <= last; step++)
        {
            yield return step;
        }
    }

    private static TelemetryPoint Point(long step, long seconds, IEnumerable<TrafficSlot> slots, DateTimeOffset now)
    {
        var sum = new TrafficSlot(step);
        foreach (TrafficSlot slot in slots)
        {
            sum.Add(slot);
        }

        DateTimeOffset begins = DateTimeOffset.FromUnixTimeSeconds(step * seconds);
        double passed = Math.Min(seconds, (now - begins).TotalSeconds);
        return new TelemetryPoint(
            begins, Math.Round(passed, 3), sum.Requests, sum.Errors.Read().Values.Sum(), sum.CacheHitRatio, sum.DeepestQueue, sum.MostInFlight, StageLatencies.Of(sum));
    }
}
