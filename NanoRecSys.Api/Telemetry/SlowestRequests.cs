namespace NanoRecSys.Api.Telemetry;

/// <summary>The few slowest requests of a slot. Most requests only compare their duration with the fastest of these.</summary>
internal sealed class SlowestRequests(int kept)
{
    private readonly Lock _lock = new();
    private readonly List<RequestTrace> _slowest = new(kept); // slowest first
    private double _fastestKeptMs = double.NegativeInfinity;

    public void Add(RequestTrace trace)
    {
        if (trace.TotalMs <= Volatile.Read(ref _fastestKeptMs))
        {
            return;
        }

        lock (_lock)
        {
            int place = _slowest.FindIndex(other => other.TotalMs < trace.TotalMs);
            _slowest.Insert(place < 0 ? _slowest.Count : place, trace);
            if (_slowest.Count > kept)
            {
                _slowest.RemoveAt(kept);
            }

            if (_slowest.Count == kept)
            {
                Volatile.Write(ref _fastestKeptMs, _slowest[^1].TotalMs);
            }
        }
    }

    public void AddRange(IEnumerable<RequestTrace> traces)
    {
        foreach (RequestTrace trace in traces)
        {
            Add(trace);
        }
    }

    public RequestTrace[] Read()
    {
        lock (_lock)
        {
            return [.. _slowest];
        }
    }
}

/// <summary>The last requests; a writer takes the next slot without waiting.</summary>
internal sealed class RecentRequests(int kept)
{
    private readonly RequestTrace?[] _traces = new RequestTrace?[kept];
    private long _written;

    public void Add(RequestTrace trace) => Volatile.Write(ref _traces[(Interlocked.Increment(ref _written) - 1) % kept], trace);

    /// <summary>Newest first.</summary>
    public RequestTrace[] Read()
    {
        long seen = 0;
        return ReadNew(ref seen, kept);
    }

    /// <summary>The newest requests added since the last call, newest first.</summary>
    /// <param name="seen">Number of requests added before the last call; 0 at first.</param>
    public RequestTrace[] ReadNew(ref long seen, int most)
    {
        long written = Interlocked.Read(ref _written);
        long added = written - seen;
        seen = written;
        return [.. Enumerable.Range(1, (int)Math.Min(added, Math.Min(kept, most)))
            .Select(back => Volatile.Read(ref _traces[(written - back) % kept]))
            .OfType<RequestTrace>()]; // a slot that is taken but not written yet is skipped
    }
}
