using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// This process's last half hour in bounded memory, so that the telemetry page needs no collector: five minutes by
/// the second (about 5 MB if every second is busy), thirty by the minute, and the stages of the last requests. Counting
/// takes no lock, so a reader never delays a request. Figures of other replicas are added when it is read.
/// </summary>
internal sealed class TelemetryWindow(TimeProvider time, ReplicaTraffic? others = null)
{
    public const int MaxSeconds = 1800;
    internal const int SecondsKept = 300;
    internal const int SecondsPerMinute = 60;
    internal const int KeptTraces = 50;
    private const int ShownSlowest = 25;

    private readonly TrafficRing _bySecond = new(SecondsKept, 1);
    private readonly TrafficRing _byMinute = new(MaxSeconds / SecondsPerMinute, SecondsPerMinute);
    private readonly RecentRequests _recent = new(KeptTraces);
    private readonly ConcurrentQueue<FailedRequest> _failed = new();
    private readonly DateTimeOffset _started = time.GetUtcNow();
    private int _inFlight;

    public void Enter() => Interlocked.Increment(ref _inFlight);

    public void Leave() => Interlocked.Decrement(ref _inFlight);

    /// <param name="cacheAnswered">Whether the cache reported a hit or a miss (it may be off or unavailable).</param>
    public void Add(RequestTrace trace, bool cacheAnswered)
    {
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
        second.CountError(kind);
        minute.CountError(kind);
    }

    /// <param name="failed">Answered with an error, which <see cref="CountError"/> counts.</param>
    public void Add(FailedRequest failed)
    {
        _failed.Enqueue(failed);
        while (_failed.Count > KeptTraces && _failed.TryDequeue(out _))
        {
        }
    }

    public void ObserveQueue(int depth)
    {
        (TrafficSlot second, TrafficSlot minute) = Now();
        second.ObserveQueue(depth);
        minute.ObserveQueue(depth);
    }

    /// <param name="windowSeconds">
    /// Length of the window, 1 to <see cref="MaxSeconds"/>; more than five minutes are counted in whole minutes.
    /// </param>
    public TelemetrySnapshot Read(int windowSeconds)
    {
        DateTimeOffset now = time.GetUtcNow();
        TrafficRing ring = windowSeconds <= _bySecond.Seconds ? _bySecond : _byMinute;
        TrafficSlot[] slots = Beside(ring.Read(now.ToUnixTimeSeconds(), windowSeconds), others?.Read(now.ToUnixTimeSeconds(), windowSeconds) ?? []);
        var sum = TrafficSlot.Sum(slots);
        double lived = Math.Clamp((now - _started).TotalSeconds, 1, windowSeconds);
        return new TelemetrySnapshot(
            windowSeconds, sum.Requests, sum.Requests / lived, sum.CacheHitRatio, sum.Modes, sum.StageLatencies(), Recent(),
            sum.VersionLatencies())
        {
            Errors = sum.Errors,
            Failed = [.. _failed.Reverse()],
            CacheHits = sum.CacheHits,
            Slowest = [.. slots.SelectMany(slot => slot.Slowest.Read()).OrderByDescending(trace => trace.TotalMs).Take(ShownSlowest)],
            Series = TelemetrySeries.Of(slots, ring.SecondsPerSlot, windowSeconds, _started, now),
        };
    }

    /// <summary>This process's own figures for a second; null if there are none.</summary>
    internal TrafficSlot? FindSecond(long unixSeconds) => _bySecond.Find(unixSeconds);

    /// <summary>This process's requests since the last call; see <see cref="RecentRequests.ReadNew"/>.</summary>
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

/// <summary>A window as about sixty steps of equal length, for a chart.</summary>
internal static class TelemetrySeries
{
    private const int Steps = 60;

    /// <param name="slots">Slots of the window, in any order.</param>
    public static TelemetryPoint[] Of(TrafficSlot[] slots, int secondsPerSlot, int windowSeconds, DateTimeOffset started, DateTimeOffset now)
    {
        int slotsPerStep = Math.Max(1, windowSeconds / secondsPerSlot / Steps);
        long secondsPerStep = (long)slotsPerStep * secondsPerSlot;
        long last = now.ToUnixTimeSeconds() / secondsPerStep;
        // A step that is only partly in the window is left out: it would look like a drop in traffic.
        long first = Math.Max(last - windowSeconds / secondsPerStep + 1, started.ToUnixTimeSeconds() / secondsPerStep);
        ILookup<long, TrafficSlot> bySteps = slots.ToLookup(slot => slot.Number / slotsPerStep);
        int steps = (int)Math.Max(0, last - first + 1);
        return [.. Enumerable.Range(0, steps).Select(i => Point((first + i) * secondsPerStep, secondsPerStep, bySteps[first + i], now))];
    }

    private static TelemetryPoint Point(long start, long seconds, IEnumerable<TrafficSlot> slots, DateTimeOffset now)
    {
        var sum = TrafficSlot.Sum(slots);
        DateTimeOffset begins = DateTimeOffset.FromUnixTimeSeconds(start);
        double passed = Math.Min(seconds, (now - begins).TotalSeconds);
        return new TelemetryPoint(
            begins, Math.Round(passed, 3), sum.Requests, sum.Errors.Values.Sum(), sum.CacheHitRatio, sum.DeepestQueue, sum.MostInFlight, sum.StageLatencies());
    }
}

/// <summary>
/// The newest time slots, which replace the oldest. No writer waits for another: a new slot replaces an old one in one exchange, so
/// nothing has to be cleared while others count in it.
/// </summary>
/// <param name="slots">Number of slots kept.</param>
internal sealed class TrafficRing(int slots, int secondsPerSlot)
{
    private const long Unused = -1;

    private readonly TrafficSlot[] _slots = [.. Enumerable.Repeat(new TrafficSlot(Unused), slots)];

    public int Seconds => slots * secondsPerSlot; // longest window that Read can cover
    public int SecondsPerSlot => secondsPerSlot; // width of a slot

    public TrafficSlot At(long unixSeconds)
    {
        long number = unixSeconds / secondsPerSlot;
        ref TrafficSlot place = ref _slots[number % slots];
        TrafficSlot slot = Volatile.Read(ref place);
        if (slot.Number >= number)
        {
            return slot;
        }

        var fresh = new TrafficSlot(number);
        TrafficSlot before = Interlocked.CompareExchange(ref place, fresh, slot);
        return ReferenceEquals(before, slot) ? fresh : before;
    }

    /// <summary>The slot of that time so far; null if it is empty or was replaced.</summary>
    public TrafficSlot? Find(long unixSeconds)
    {
        long number = unixSeconds / secondsPerSlot;
        TrafficSlot slot = Volatile.Read(ref _slots[number % slots]);
        return slot.Number == number ? slot : null;
    }

    /// <summary>The non-empty slots of the last <paramref name="windowSeconds"/>, including the current one, in any order.</summary>
    public TrafficSlot[] Read(long unixSeconds, int windowSeconds)
    {
        long oldest = unixSeconds / secondsPerSlot - windowSeconds / secondsPerSlot + 1;
        return [.. _slots.Select((_, i) => Volatile.Read(ref _slots[i])).Where(slot => slot.Number >= oldest)];
    }
}

/// <summary>All answers within one slot of a <see cref="TrafficRing"/>, summed. Any number of threads may add.</summary>
internal sealed class TrafficSlot
{
    private const int KeptSlowest = 6; // in each slot: enough over 300 seconds to include the window's slowest in any likely case
    private const string Popular = "popular";
    private static readonly string[] ModeNames = [Pipeline.Modes.Live, Popular, Pipeline.Modes.Degraded];

    private readonly Tally _counts; // by mode, error, cache source, and the three names below
    private readonly StrongBox<long> _requests;
    private readonly StrongBox<long> _lookups;
    private readonly StrongBox<long> _hits;
    private int _mostInFlight;
    private int _deepestQueue = -1;

    /// <param name="number">The slot's number since 1970, or -1 while unused.</param>
    public TrafficSlot(long number)
    {
        Number = number;
        _counts = new Tally();
        (_requests, _lookups, _hits) = (_counts.Find("requests"), _counts.Find("lookups"), _counts.Find("hits"));
    }

    public long Number { get; }
    public long Requests => Interlocked.Read(ref _requests.Value);
    public double? CacheHitRatio => Interlocked.Read(ref _lookups.Value) is > 0 and var lookups ? (double)Interlocked.Read(ref _hits.Value) / lookups : null;
    public int MostInFlight => Volatile.Read(ref _mostInFlight);
    public int? DeepestQueue => Volatile.Read(ref _deepestQueue) is >= 0 and var depth ? depth : null; // null if nothing queued
    public IReadOnlyDictionary<string, long> Modes => _counts.Read(ModeNames);
    public IReadOnlyDictionary<string, long> Errors => _counts.Read(ErrorKinds.All); // by ErrorKinds
    public IReadOnlyDictionary<string, long> CacheHits => _counts.Read(CacheSources.All); // hits by CacheSources
    public ConcurrentDictionary<string, LatencyHistogram> Stages { get; } = new(StringComparer.Ordinal);

    /// <summary>Whole requests by model version; a version that no longer answers disappears with its slot.</summary>
    public ConcurrentDictionary<string, LatencyHistogram> Versions { get; } = new(StringComparer.Ordinal);

    public SlowestRequests Slowest { get; } = new(KeptSlowest);

    public void Add(RequestTrace trace, bool cacheAnswered, int inFlight)
    {
        RaiseTo(ref _mostInFlight, inFlight);
        Interlocked.Increment(ref _requests.Value);
        Interlocked.Add(ref _lookups.Value, cacheAnswered ? 1 : 0);
        Interlocked.Add(ref _hits.Value, trace.ServedFromCache ? 1 : 0);
        _counts.Add(trace.FallbackReason is not null && trace.Mode == Pipeline.Modes.Live ? Popular : trace.Mode);
        if (trace.CacheSource is { } source)
        {
            _counts.Add(source);
        }

        foreach (StageTiming stage in trace.Stages)
        {
            Of(Stages, stage.Stage).Add(stage.DurationMs);
        }

        Of(Stages, StageNames.Total).Add(trace.TotalMs);
        Of(Versions, trace.Version).Add(trace.TotalMs);
        Slowest.Add(trace);
    }

    /// <param name="kind">One of <see cref="ErrorKinds"/>.</param>
    public void CountError(string kind) => _counts.Add(kind);

    public void ObserveQueue(int depth) => RaiseTo(ref _deepestQueue, depth);

    /// <summary>The figures of several times together, except the slowest requests; each maximum is the largest.</summary>
    public static TrafficSlot Sum(IEnumerable<TrafficSlot> slots)
    {
        var sum = new TrafficSlot(0);
        foreach (TrafficSlot slot in slots)
        {
            sum.Add(slot);
        }

        return sum;
    }

    /// <summary>Adds the figures of another time, except the slowest requests; the larger maximum is kept.</summary>
    public void Add(TrafficSlot other)
    {
        AddCounts(other);
        RaiseMost(other);
    }

    /// <summary>Adds another process's figures for the same time; maxima are added, because both may have occurred at once.</summary>
    public void AddBeside(TrafficSlot other)
    {
        AddCounts(other);
        Slowest.AddRange(other.Slowest.Read());
        _mostInFlight += other.MostInFlight;
        if (other.DeepestQueue is { } depth)
        {
            _deepestQueue = Math.Max(0, _deepestQueue) + depth;
        }
    }

    public void RaiseMost(TrafficSlot other)
    {
        RaiseTo(ref _mostInFlight, other.MostInFlight);
        RaiseTo(ref _deepestQueue, Volatile.Read(ref other._deepestQueue));
    }

    /// <summary>In pipeline order; unknown stages precede the total, which is last.</summary>
    public StageLatency[] StageLatencies() =>
        [.. Stages.OrderBy(stage => Place(stage.Key)).ThenBy(stage => stage.Key, StringComparer.Ordinal).Select(stage => Latency(stage.Key, stage.Value))];

    public StageLatency[] VersionLatencies() =>
        [.. Versions.OrderBy(version => version.Key, StringComparer.Ordinal).Select(version => Latency(version.Key, version.Value))];

    /// <summary>All figures, for another process.</summary>
    public SlotFigures ReadFigures() => new(Number, MostInFlight, _counts.Read(), Pairs(Stages), Pairs(Versions), Slowest.Read(), DeepestQueue);

    /// <exception cref="FormatException">A histogram is not valid.</exception>
    public static TrafficSlot From(SlotFigures figures)
    {
        var slot = new TrafficSlot(figures.Number) { _mostInFlight = figures.MostInFlight, _deepestQueue = figures.DeepestQueue ?? -1 };
        slot._counts.Add(figures.Counts);
        Add(slot.Stages, figures.Stages);
        Add(slot.Versions, figures.Versions);
        slot.Slowest.AddRange(figures.Slowest);
        return slot;
    }

    private static int Place(string stage)
    {
        int place = StageNames.All.TakeWhile(name => name != stage).Count();
        return place < StageNames.All.Count - 1 ? place : stage == StageNames.Total ? int.MaxValue : StageNames.All.Count;
    }

    // The histogram is accurate to 2%: more digits would only waste bytes.
    private static StageLatency Latency(string stage, LatencyHistogram durations) => new(
        stage, durations.Count, Math.Round(durations.Percentile(0.50), 4), Math.Round(durations.Percentile(0.95), 4), Math.Round(durations.Percentile(0.99), 4));

    private void AddCounts(TrafficSlot other)
    {
        _counts.Add(other._counts.Read());
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

    private static void Add(ConcurrentDictionary<string, LatencyHistogram> sums, IReadOnlyDictionary<string, int[]> others)
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

/// <summary>Counts by name, from any number of threads. The program defines the names, so there are few.</summary>
internal sealed class Tally
{
    private readonly ConcurrentDictionary<string, StrongBox<long>> _counts = new(StringComparer.Ordinal);

    public void Add(string name, long count = 1) => Interlocked.Add(ref Find(name).Value, count);

    public void Add(IReadOnlyDictionary<string, long> counts)
    {
        foreach ((string name, long count) in counts)
        {
            Add(name, count);
        }
    }

    public StrongBox<long> Find(string name) => _counts.GetOrAdd(name, _ => new StrongBox<long>());

    /// <returns>The given names that were counted.</returns>
    public Dictionary<string, long> Read(IEnumerable<string> names) => names.Where(_counts.ContainsKey).ToDictionary(name => name, name => Interlocked.Read(ref Find(name).Value));

    public Dictionary<string, long> Read() => Read(_counts.Keys);
}
