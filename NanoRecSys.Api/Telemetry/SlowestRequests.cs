using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>The few slowest requests of a slot. Most requests only compare their length with the fastest of these.</summary>
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

    public void Add(SlowestRequests others)
    {
        foreach (RequestTrace trace in others.Read())
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
