using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Percentiles out of a slot's histograms.</summary>
internal static class StageLatencies
{
    /// <summary>In the pipeline's order, the total last; a stage that this list does not know comes before the total.</summary>
    public static StageLatency[] Of(TrafficSlot slot) =>
    [
        .. slot.Stages.OrderBy(stage => Place(stage.Key)).ThenBy(stage => stage.Key, StringComparer.Ordinal).Select(stage => Latency(stage.Key, stage.Value)),
    ];

    public static StageLatency[] OfVersions(TrafficSlot slot) =>
        [.. slot.Versions.OrderBy(version => version.Key, StringComparer.Ordinal).Select(version => Latency(version.Key, version.Value))];

    private static int Place(string stage)
    {
        int place = StageNames.All.TakeWhile(name => name != stage).Count();
        return place < StageNames.All.Count - 1 ? place : stage == StageNames.Total ? int.MaxValue : StageNames.All.Count;
    }

    private static StageLatency Latency(string stage, LatencyHistogram durations) => new(
        stage, durations.Count, Round(durations.Percentile(0.50)), Round(durations.Percentile(0.95)), Round(durations.Percentile(0.99)));

    // The histogram is good for 2 %: more digits would only be bytes.
    private static double Round(double milliseconds) => Math.Round(milliseconds, 4);
}
