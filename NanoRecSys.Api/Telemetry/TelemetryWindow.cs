using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// The last five minutes of this process in bounded memory, so that the telemetry page needs no collector:
/// a ring of seconds (about 4 MB when every one is busy) and the last requests' waterfalls.
/// </summary>
public sealed class TelemetryWindow(TimeProvider time)
{
    public const int MaxSeconds = 300;
    private const int KeptTraces = 50;

    private readonly Lock _lock = new();
    private readonly SecondOfTraffic[] _seconds = [.. Enumerable.Range(0, MaxSeconds).Select(_ => new SecondOfTraffic())];
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
            SecondOfTraffic second = _seconds[now % MaxSeconds];
            if (second.Second != now)
            {
                second.Reset(now);
            }

            second.Add(trace, cacheAnswered);
            if (_recent.Count == KeptTraces)
            {
                _recent.Dequeue();
            }

            _recent.Enqueue(trace);
        }
    }

    /// <param name="windowSeconds">How far back to look, 1 to <see cref="MaxSeconds"/>.</param>
    public TelemetrySnapshot Read(int windowSeconds)
    {
        DateTimeOffset now = time.GetUtcNow();
        long oldest = now.ToUnixTimeSeconds() - windowSeconds + 1;
        var sum = new SecondOfTraffic();
        RequestTrace[] recent;
        lock (_lock)
        {
            foreach (SecondOfTraffic second in _seconds.Where(second => second.Second >= oldest))
            {
                sum.Add(second);
            }

            recent = [.. _recent.Reverse()];
        }

        double lived = Math.Clamp((now - _started).TotalSeconds, 1, windowSeconds);
        return new TelemetrySnapshot(
            windowSeconds, sum.Requests, sum.Requests / lived,
            sum.CacheLookups == 0 ? null : (double)sum.CacheHits / sum.CacheLookups,
            sum.Modes, [.. StageNames.All.Where(sum.Stages.ContainsKey).Select(stage => Latency(stage, sum.Stages[stage]))], recent);
    }

    private static StageLatency Latency(string stage, LatencyHistogram durations) => new(
        stage, durations.Count, durations.Percentile(0.50), durations.Percentile(0.95), durations.Percentile(0.99));
}
