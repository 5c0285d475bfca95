using System.Collections.Concurrent;
using NanoRecSys.Api.Telemetry.Replicas;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Everything that was answered within one slot of a <see cref="TrafficRing"/>, summed. Any number of threads may add.</summary>
/// <param name="number">The slot's number since 1970, or -1 while unused.</param>
internal sealed class TrafficSlot(long number)
{
    private const int KeptSlowest = 6; // of each slot: 300 seconds of them are the window's slowest in any likely case

    private long _requests;
    private long _cacheHits;
    private long _cacheLookups;
    private int _mostInFlight;
    private int _deepestQueue = -1;

    public long Number => number;

    public long Requests => Interlocked.Read(ref _requests);

    public double? CacheHitRatio => Interlocked.Read(ref _cacheLookups) is > 0 and var lookups ? (double)Interlocked.Read(ref _cacheHits) / lookups : null;

    public int MostInFlight => Volatile.Read(ref _mostInFlight);

    /// <summary>Null where nothing queues.</summary>
    public int? DeepestQueue => Volatile.Read(ref _deepestQueue) is >= 0 and var depth ? depth : null;

    public Tally Modes { get; } = new();

    public Tally Errors { get; } = new();

    /// <summary>Hits by <see cref="CacheSources"/>.</summary>
    public Tally CacheHits { get; } = new();

    public ConcurrentDictionary<string, LatencyHistogram> Stages { get; } = new(StringComparer.Ordinal);

    /// <summary>Whole requests by model version; a version that no longer answers is forgotten with its slot.</summary>
    public ConcurrentDictionary<string, LatencyHistogram> Versions { get; } = new(StringComparer.Ordinal);

    public SlowestRequests Slowest { get; } = new(KeptSlowest);

    public void Add(RequestTrace trace, bool cacheAnswered, int inFlight)
    {
        Interlocked.Increment(ref _requests);
        Interlocked.Add(ref _cacheHits, trace.ServedFromCache ? 1 : 0);
        Interlocked.Add(ref _cacheLookups, cacheAnswered ? 1 : 0);
        RaiseTo(ref _mostInFlight, inFlight);
        Modes.Add(trace.Mode);
        if (trace.CacheSource is { } source)
        {
            CacheHits.Add(source);
        }

        foreach (StageTiming stage in trace.Stages)
        {
            Of(Stages, stage.Stage).Add(stage.DurationMs);
        }

        Of(Stages, StageNames.Total).Add(trace.TotalMs);
        Of(Versions, trace.Version).Add(trace.TotalMs);
        Slowest.Add(trace);
    }

    public void ObserveQueue(int depth) => RaiseTo(ref _deepestQueue, depth);

    /// <summary>Adds the figures of another time, but for its slowest requests: what was at most stays the larger.</summary>
    public void Add(TrafficSlot other)
    {
        AddCounts(other);
        RaiseMost(other);
    }

    /// <summary>Adds the figures of the same time elsewhere: what was at most adds up, as both may have been at once.</summary>
    public void AddBeside(TrafficSlot other)
    {
        AddCounts(other);
        Slowest.Add(other.Slowest);
        _mostInFlight += other.MostInFlight;
        if (other.DeepestQueue is { } depth)
        {
            _deepestQueue = Math.Max(0, _deepestQueue) + depth;
        }
    }

    /// <summary>What was at most was at least this.</summary>
    public void RaiseMost(TrafficSlot other)
    {
        RaiseTo(ref _mostInFlight, other.MostInFlight);
        RaiseTo(ref _deepestQueue, Volatile.Read(ref other._deepestQueue));
    }

    /// <summary>All of it, for another process.</summary>
    public SlotFigures ReadFigures() => new(
        Number, Requests, Interlocked.Read(ref _cacheHits), Interlocked.Read(ref _cacheLookups), MostInFlight,
        Modes.Read(), Errors.Read(), CacheHits.Read(), Pairs(Stages), Pairs(Versions), Slowest.Read(), DeepestQueue);

    /// <exception cref="FormatException">A histogram is none.</exception>
    public static TrafficSlot From(SlotFigures figures)
    {
        var slot = new TrafficSlot(figures.Number)
        {
            _requests = figures.Requests,
            _cacheHits = figures.Hits,
            _cacheLookups = figures.Lookups,
            _mostInFlight = figures.MostInFlight,
            _deepestQueue = figures.DeepestQueue ?? -1,
        };
        slot.Modes.Add(figures.Modes);
        slot.Errors.Add(figures.Errors);
        slot.CacheHits.Add(figures.HitSources);
        AddPairs(slot.Stages, figures.Stages);
        AddPairs(slot.Versions, figures.Versions);
        foreach (RequestTrace trace in figures.Slowest)
        {
            slot.Slowest.Add(trace);
        }

        return slot;
    }

    private void AddCounts(TrafficSlot other)
    {
        _requests += other.Requests;
        _cacheHits += Interlocked.Read(ref other._cacheHits);
        _cacheLookups += Interlocked.Read(ref other._cacheLookups);
        Modes.Add(other.Modes.Read());
        Errors.Add(other.Errors.Read());
        CacheHits.Add(other.CacheHits.Read());
        Add(Stages, other.Stages);
        Add(Versions, other.Versions);
    }

    private static void Add(ConcurrentDictionary<string, LatencyHistogram> sums, ConcurrentDictionary<string, LatencyHistogram> others)
    {
        foreach ((string name, LatencyHistogram durations) in others)
        {
            Of(sums, name).Add(durations);
        }
    }

    private static void AddPairs(ConcurrentDictionary<string, LatencyHistogram> sums, IReadOnlyDictionary<string, int[]> others)
    {
        foreach ((string name, int[] pairs) in others)
        {
            Of(sums, name).AddPairs(pairs);
        }
    }

    private static Dictionary<string, int[]> Pairs(ConcurrentDictionary<string, LatencyHistogram> histograms) =>
        histograms.ToDictionary(entry => entry.Key, entry => entry.Value.ReadPairs());

    private static void RaiseTo(ref int most, int value)
    {
        int seen = Volatile.Read(ref most);
        while (value > seen)
        {
            int before = Interlocked.CompareExchange(ref most, value, seen);
            if (before == seen)
            {
                return;
            }

            seen = before;
        }
    }

    private static LatencyHistogram Of(ConcurrentDictionary<string, LatencyHistogram> histograms, string name) =>
        histograms.GetOrAdd(name, _ => new LatencyHistogram());
}
