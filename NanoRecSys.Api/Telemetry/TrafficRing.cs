namespace NanoRecSys.Api.Telemetry;

/// <summary>
/// The newest slots of time; the oldest gives way. No writer waits for another: a slot that is too old is replaced by a
/// fresh one in one exchange, so that nothing has to be cleared while others count in it.
/// </summary>
/// <param name="slots">How many are kept.</param>
/// <param name="secondsPerSlot">Width of one.</param>
internal sealed class TrafficRing(int slots, int secondsPerSlot)
{
    private const long Unused = -1;

    private readonly TrafficSlot[] _slots = [.. Enumerable.Repeat(new TrafficSlot(Unused), slots)];

    /// <summary>Longest window that <see cref="Read"/> can look back over.</summary>
    public int Seconds => slots * secondsPerSlot;

    /// <summary>Width of a slot.</summary>
    public int SecondsPerSlot => secondsPerSlot;

    /// <summary>The slot to count in now.</summary>
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

    /// <summary>What was counted in the slot of that time so far; null where nothing was, or it gave way.</summary>
    public TrafficSlot? Find(long unixSeconds)
    {
        long number = unixSeconds / secondsPerSlot;
        TrafficSlot slot = Volatile.Read(ref _slots[number % slots]);
        return slot.Number == number ? slot : null;
    }

    /// <summary>The slots of the last <paramref name="windowSeconds"/> that anything was counted in, the running one among them; in no order.</summary>
    public TrafficSlot[] Read(long unixSeconds, int windowSeconds)
    {
        long oldest = unixSeconds / secondsPerSlot - windowSeconds / secondsPerSlot + 1;
        return [.. _slots.Select((_, i) => Volatile.Read(ref _slots[i])).Where(slot => slot.Number >= oldest)];
    }
}
