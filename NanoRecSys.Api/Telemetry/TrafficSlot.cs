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

    /// <summary>Whole requests by model version; a version that no longer answers is forgotten with its slot.</summary>
    public Dictionary<string, LatencyHistogram> Versions { get; } = [];

    public void Reset(long number)
    {
        Number = number;
        Requests = CacheHits = CacheLookups = 0;
        Modes.Clear();
        Versions.Clear();
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
            Of(Stages, stage.Stage).Add(stage.DurationMs);
        }

        Of(Stages, StageNames.Total).Add(trace.TotalMs);
        Of(Versions, trace.Version).Add(trace.TotalMs);
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
            Of(Stages, stage).Add(durations);
        }

        foreach ((string version, LatencyHistogram durations) in other.Versions)
        {
            Of(Versions, version).Add(durations);
        }
    }

    private static LatencyHistogram Of(Dictionary<string, LatencyHistogram> histograms, string name)
    {
        if (!histograms.TryGetValue(name, out LatencyHistogram? histogram))
        {
            histograms[name] = histogram = new LatencyHistogram();
        }

        return histogram;
    }
}
