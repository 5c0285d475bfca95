using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>Everything that was answered within one slot of a <see cref="TrafficRing"/>, summed.</summary>
internal sealed class TrafficSlot
{
    /// <summary>The slot's number since 1970, or -1 while unused.</summary>
    public long Number { get; private set; } = -1;

    public long Requests { get; private set; }

    public long CacheHits { get; private set; }

    public long CacheLookups { get; private set; }

    public Dictionary<string, long> Modes { get; } = [];

    public Dictionary<string, LatencyHistogram> Stages { get; } = [];

    public void Reset(long number)
    {
        Number = number;
        Requests = CacheHits = CacheLookups = 0;
        Modes.Clear();
        foreach (LatencyHistogram stage in Stages.Values)
        {
            stage.Clear();
        }
    }

    public void Add(RequestTrace trace, bool cacheAnswered)
    {
        Requests++;
        CacheHits += trace.ServedFromCache ? 1 : 0;
        CacheLookups += cacheAnswered ? 1 : 0;
        Modes[trace.Mode] = Modes.GetValueOrDefault(trace.Mode) + 1;
        foreach (StageTiming stage in trace.Stages)
        {
            Of(stage.Stage).Add(stage.DurationMs);
        }

        Of(StageNames.Total).Add(trace.TotalMs);
    }

    public void Add(TrafficSlot other)
    {
        Requests += other.Requests;
        CacheHits += other.CacheHits;
        CacheLookups += other.CacheLookups;
        foreach ((string mode, long count) in other.Modes)
        {
            Modes[mode] = Modes.GetValueOrDefault(mode) + count;
        }

        foreach ((string stage, LatencyHistogram durations) in other.Stages)
        {
            Of(stage).Add(durations);
        }
    }

    private LatencyHistogram Of(string stage)
    {
        if (!Stages.TryGetValue(stage, out LatencyHistogram? histogram))
        {
            Stages[stage] = histogram = new LatencyHistogram();
        }

        return histogram;
    }
}
