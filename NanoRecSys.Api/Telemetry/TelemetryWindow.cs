using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// This process's last half hour in bounded memory, so that the telemetry page needs no collector: five minutes by
/// the second (about 4 MB when every one is busy), thirty by the minute, and the last requests' waterfalls.
/// </summary>
public sealed class TelemetryWindow(TimeProvider time)
{
    public const int MaxSeconds = 1800;
    private const int SecondsKept = 300;
    private const int SecondsPerMinute = 60;
    private const int KeptTraces = 50;

    private readonly Lock _lock = new();
    private readonly TrafficRing _bySecond = new(SecondsKept, 1);
    private readonly TrafficRing _byMinute = new(MaxSeconds / SecondsPerMinute, SecondsPerMinute);
    private readonly Queue<RequestTrace> _recent = new(KeptTraces);
    private readonly DateTimeOffset _started = time.GetUtcNow();

    /// <param name="trace">A request that was answered.</param>
    /// <param name="cacheAnswered">Whether the cache said hit or miss (it may be off or away).</param>
    public void Add(RequestTrace trace, bool cacheAnswered)
    {
        ArgumentNullException.ThrowIfNull(trace);
        long now = time.GetUtcNow().ToUnixTimeSeconds();
        lock (_lock)
        {
            _bySecond.Add(now, trace, cacheAnswered);
            _byMinute.Add(now, trace, cacheAnswered);
            if (_recent.Count == KeptTraces)
            {
                _recent.Dequeue();
            }

            _recent.Enqueue(trace);
        }
    }

    /// <param name="windowSeconds">
    /// How far back to look, 1 to <see cref="MaxSeconds"/>; more than five minutes are counted in whole minutes.
    /// </param>
    public TelemetrySnapshot Read(int windowSeconds)
    {
        DateTimeOffset now = time.GetUtcNow();
        TrafficSlot sum;
        RequestTrace[] recent;
        lock (_lock)
        {
            TrafficRing ring = windowSeconds <= _bySecond.Seconds ? _bySecond : _byMinute;
            sum = ring.Sum(now.ToUnixTimeSeconds(), windowSeconds);
            recent = [.. _recent.Reverse()];
        }

        double lived = Math.Clamp((now - _started).TotalSeconds, 1, windowSeconds);
        return new TelemetrySnapshot(
            windowSeconds, sum.Requests, sum.Requests / lived,
            sum.CacheLookups == 0 ? null : (double)sum.CacheHits / sum.CacheLookups,
            sum.Modes, [.. StageNames.All.Where(sum.Stages.ContainsKey).Select(stage => Latency(stage, sum.Stages[stage]))], recent,
            [.. sum.Versions.OrderBy(version => version.Key, StringComparer.Ordinal).Select(version => Latency(version.Key, version.Value))]);
    }

    private static StageLatency Latency(string stage, LatencyHistogram durations) => new(
        stage, durations.Count, durations.Percentile(0.50), durations.Percentile(0.95), durations.Percentile(0.99));
}
