using NanoRecSys.Api.Telemetry.Replicas;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// This process's last half hour in bounded memory, so that the telemetry page needs no collector: five minutes by
/// the second (about 5 MB when every one is busy), thirty by the minute, and the last requests' waterfalls. Counting
/// takes no lock, so a reader never holds up a request. What other replicas said of themselves is read with it.
/// </summary>
public sealed class TelemetryWindow(TimeProvider time, ReplicaTraffic? others = null)
{
    public const int MaxSeconds = 1800;
    internal const int SecondsKept = 300;
    internal const int SecondsPerMinute = 60;
    internal const int KeptTraces = 50;
    private const int ShownSlowest = 25;

    private readonly TrafficRing _bySecond = new(SecondsKept, 1);
    private readonly TrafficRing _byMinute = new(MaxSeconds / SecondsPerMinute, SecondsPerMinute);
    private readonly RecentRequests _recent = new(KeptTraces);
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private int _inFlight;

    /// <summary>A recommendation begins.</summary>
    public void Enter() => Interlocked.Increment(ref _inFlight);

    /// <summary>A recommendation ends, in whatever way.</summary>
    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <param name="trace">A request that was answered.</param>
    /// <param name="cacheAnswered">Whether the cache said hit or miss (it may be off or away).</param>
    public void Add(RequestTrace trace, bool cacheAnswered)
    {
        ArgumentNullException.ThrowIfNull(trace);
        int inFlight = Volatile.Read(ref _inFlight);
        (TrafficSlot second, TrafficSlot minute) = Now();
        second.Add(trace, cacheAnswered, inFlight);
        minute.Add(trace, cacheAnswered, inFlight);
        _recent.Add(trace);
    }

    /// <param name="kind">One of <see cref="ErrorKinds"/>.</param>
    public void CountError(string kind)
    {
        (TrafficSlot second, TrafficSlot minute) = Now();
        second.Errors.Add(kind);
        minute.Errors.Add(kind);
    }

    /// <summary>Requests wait for their turn: so many at once.</summary>
    public void ObserveQueue(int depth)
    {
        (TrafficSlot second, TrafficSlot minute) = Now();
        second.ObserveQueue(depth);
        minute.ObserveQueue(depth);
    }

    /// <param name="windowSeconds">
    /// How far back to look, 1 to <see cref="MaxSeconds"/>; more than five minutes are counted in whole minutes.
    /// </param>
    public TelemetrySnapshot Read(int windowSeconds)
    {
        DateTimeOffset now = time.GetUtcNow();
        TrafficRing ring = windowSeconds <= _bySecond.Seconds ? _bySecond : _byMinute;
        TrafficSlot[] slots = Beside(ring.Read(now.ToUnixTimeSeconds(), windowSeconds), others?.Read(now.ToUnixTimeSeconds(), windowSeconds) ?? []);
        var sum = new TrafficSlot(0);
        foreach (TrafficSlot slot in slots)
        {
            sum.Add(slot);
        }

        double lived = Math.Clamp((now - _started).TotalSeconds, 1, windowSeconds);
        return new TelemetrySnapshot(
            windowSeconds, sum.Requests, sum.Requests / lived, sum.CacheHitRatio, sum.Modes.Read(), StageLatencies.Of(sum), Recent(),
            StageLatencies.OfVersions(sum))
        {
            Errors = sum.Errors.Read(),
            CacheHits = sum.CacheHits.Read(),
            Slowest = [.. slots.SelectMany(slot => slot.Slowest.Read()).OrderByDescending(trace => trace.TotalMs).Take(ShownSlowest)],
            Series = TelemetrySeries.Of(slots, ring.SecondsPerSlot, windowSeconds, _started, now),
        };
    }

    /// <summary>What this process alone counted in a second; null where it was nothing.</summary>
    internal TrafficSlot? FindSecond(long unixSeconds) => _bySecond.Find(unixSeconds);

    /// <summary>This process's requests since the last time, as <see cref="RecentRequests.ReadNew"/> reads them.</summary>
    internal RequestTrace[] ReadNew(ref long seen, int most) => _recent.ReadNew(ref seen, most);

    private RequestTrace[] Recent() => others is null
        ? _recent.Read()
        : [.. _recent.Read().Concat(others.ReadRecent()).OrderByDescending(trace => trace.Time).Take(KeptTraces)];

    private static TrafficSlot[] Beside(TrafficSlot[] own, TrafficSlot[] heard)
    {
        if (heard.Length == 0)
        {
            return own;
        }

        var sums = new Dictionary<long, TrafficSlot>();
        foreach (TrafficSlot slot in own.Concat(heard))
        {
            if (!sums.TryGetValue(slot.Number, out TrafficSlot? sum))
            {
                sums[slot.Number] = sum = new TrafficSlot(slot.Number);
            }

            sum.AddBeside(slot);
        }

        return [.. sums.Values];
    }

    private (TrafficSlot Second, TrafficSlot Minute) Now()
    {
        long now = time.GetUtcNow().ToUnixTimeSeconds();
        return (_bySecond.At(now), _byMinute.At(now));
    }
}
