using System.Collections.Concurrent;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry.Replicas;

/// <summary>
/// What the other replicas said of themselves, summed in rings like this process's own. It begins with this process:
/// nobody repeats what was answered before.
/// </summary>
/// <remarks>One thread at a time may let it hear; any number may read.</remarks>
public sealed class ReplicaTraffic(TimeProvider time)
{
    private const long LargestClockLead = 10; // seconds; a ring that ran ahead would refuse everybody else's

    // Who missed so many messages is gone, or cut off.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly TrafficRing _bySecond = new(TelemetryWindow.SecondsKept, 1);
    private readonly TrafficRing _byMinute = new(TelemetryWindow.MaxSeconds / TelemetryWindow.SecondsPerMinute, TelemetryWindow.SecondsPerMinute);
    private readonly RecentRequests _recent = new(TelemetryWindow.KeptTraces);
    private readonly ConcurrentDictionary<string, (DateTimeOffset At, ComputeLoad Load)> _heard = new(StringComparer.Ordinal);

    /// <summary>How many other replicas were heard in the last seconds.</summary>
    public int Count => Present().Count();

    /// <summary>Everybody's load, given this process's own.</summary>
    public ComputeLoad With(ComputeLoad own)
    {
        ArgumentNullException.ThrowIfNull(own);
        return Present().Aggregate(own, (sum, load) => new ComputeLoad(
            sum.Running + load.Running, sum.Concurrency + load.Concurrency, sum.QueueDepth + load.QueueDepth, sum.QueueLimit + load.QueueLimit, sum.Shed + load.Shed));
    }

    /// <exception cref="FormatException">A histogram is none; nothing was counted then.</exception>
    internal void Hear(ReplicaSecond message)
    {
        DateTimeOffset now = time.GetUtcNow();
        TrafficSlot told = TrafficSlot.From(message.Figures);
        _heard[message.Replica] = (now, message.Load);
        if (told.Number > now.ToUnixTimeSeconds() + LargestClockLead || _bySecond.At(told.Number) is not { } second || second.Number != told.Number)
        {
            return; // Its clock is far from ours, or the message is older than the ring is long.
        }

        second.AddBeside(told);
        TrafficSlot minute = _byMinute.At(told.Number);
        minute.Add(told);
        minute.RaiseMost(second); // Of all replicas in this second, and not of each at another time.
        minute.Slowest.Add(told.Slowest);
        foreach (RequestTrace trace in message.Newest.Reverse())
        {
            _recent.Add(trace);
        }
    }

    /// <summary>As a ring reads.</summary>
    internal TrafficSlot[] Read(long unixSeconds, int windowSeconds) =>
        (windowSeconds <= _bySecond.Seconds ? _bySecond : _byMinute).Read(unixSeconds, windowSeconds);

    /// <summary>The last requests that were told of, the one told last first.</summary>
    internal RequestTrace[] ReadRecent() => _recent.Read();

    private IEnumerable<ComputeLoad> Present()
    {
        DateTimeOffset now = time.GetUtcNow();
        foreach ((string replica, (DateTimeOffset at, ComputeLoad load)) in _heard)
        {
            if (now - at <= Patience)
            {
                yield return load;
            }
            else
            {
                _heard.TryRemove(replica, out _); // Each start of a replica has a name of its own.
            }
        }
    }
}
