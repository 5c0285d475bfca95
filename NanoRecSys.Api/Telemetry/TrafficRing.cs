using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Telemetry;

/// <summary>The newest slots of time, each summed; the oldest is overwritten. Not safe for concurrent use.</summary>
/// <param name="slots">How many are kept.</param>
/// <param name="secondsPerSlot">Width of one.</param>
internal sealed class TrafficRing(int slots, int secondsPerSlot)
{
    private readonly TrafficSlot[] _slots = [.. Enumerable.Range(0, slots).Select(_ => new TrafficSlot())];

    /// <summary>Longest window that <see cref="Sum"/> can look back over.</summary>
    public int Seconds => slots * secondsPerSlot;

    /// <param name="unixSeconds">When the request was answered.</param>
    /// <param name="trace">What it took.</param>
    /// <param name="cacheAnswered">Whether the cache said hit or miss.</param>
    public void Add(long unixSeconds, RequestTrace trace, bool cacheAnswered)
    {
        long number = unixSeconds / secondsPerSlot;
        TrafficSlot slot = _slots[number % slots];
        if (slot.Number != number)
        {
            slot.Reset(number);
        }

        slot.Add(trace, cacheAnswered);
    }

    /// <summary>Everything in the slots of the last <paramref name="windowSeconds"/>, the running slot among them.</summary>
    public TrafficSlot Sum(long unixSeconds, int windowSeconds)
    {
        long oldest = unixSeconds / secondsPerSlot - windowSeconds / secondsPerSlot + 1;
        var sum = new TrafficSlot();
        foreach (TrafficSlot slot in _slots.Where(slot => slot.Number >= oldest))
        {
            sum.Add(slot);
        }

        return sum;
    }
}
