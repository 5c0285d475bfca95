using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

public enum HeldOut
{
    Validation,
    Test,
}

/// <summary>What of each user's history trains, and which of its items are to be predicted.</summary>
/// <param name="histories">Whole histories, the held-out items too.</param>
public abstract class DataSplit(UserHistories histories)
{
    public UserHistories Histories { get; } = histories;

    /// <summary>As the manifest calls it.</summary>
    public abstract string Name { get; }

    /// <param name="histories">With times, where there are cuts.</param>
    /// <param name="cuts">Of a split by time; null means leave-one-out.</param>
    public static DataSplit Of(UserHistories histories, TimeCuts? cuts) =>
        cuts is null ? new LeaveOneOut(histories) : new TimeSplit(histories, cuts);

    public int UserCount => Histories.UserCount;

    /// <summary>Item rows of the whole history, oldest first.</summary>
    public ReadOnlySpan<int> Items(int user) => Histories.At(user);

    /// <summary>When each of <see cref="Items"/> came, in the data's own unit (MovieLens: seconds since 1970).</summary>
    public ReadOnlySpan<long> Times(int user) => Histories.TimesAt(user);

    /// <summary>Item rows that train, oldest first: the beginning of <see cref="Items"/>.</summary>
    public ReadOnlySpan<int> Train(int user) => Items(user)[..TrainLength(user)];

    /// <summary>When each of <see cref="Train"/> came.</summary>
    public ReadOnlySpan<long> TrainTimes(int user) => Histories.HasTimes ? Times(user)[..TrainLength(user)] : default;

    /// <summary>The first items of a history, and when the next one came (of the whole history: its last one).</summary>
    public TimedHistory Prefix(int user, int count)
    {
        ReadOnlyMemory<long> times = Histories.TimesMemoryAt(user);
        long now = times.IsEmpty ? 0 : times.Span[Math.Min(count, times.Length - 1)];
        return new TimedHistory(Histories.MemoryAt(user)[..count], times.IsEmpty ? times : times[..count], now);
    }

    /// <summary>
    /// The item to predict and everything that came before it; for the test that includes the validation item.
    /// False for a user of whom nothing is to be predicted.
    /// </summary>
    public bool TryGet(int user, HeldOut part, out ReadOnlySpan<int> before, out int target)
    {
        bool isHeldOut = TryGet(user, part, out HeldOutCase found);
        before = found.Before.Span;
        target = isHeldOut ? found.Target : -1;
        return isHeldOut;
    }

    /// <summary>As the other <c>TryGet</c>, with the times, and as memory: nothing is copied.</summary>
    public bool TryGet(int user, HeldOut part, out HeldOutCase found)
    {
        int position = TargetPosition(user, part);
        found = default;
        if (position < 0)
        {
            return false;
        }

        ReadOnlyMemory<int> items = Histories.MemoryAt(user);
        ReadOnlyMemory<long> times = Histories.TimesMemoryAt(user);
        bool hasTimes = Histories.HasTimes;
        found = new HeldOutCase(
            user, items[..position], items.Span[position],
            hasTimes ? times[..position] : default, hasTimes ? times.Span[position] : null);
        return true;
    }

    protected abstract int TrainLength(int user);

    /// <summary>Where in the history the item to predict stands; -1 where there is none.</summary>
    protected abstract int TargetPosition(int user, HeldOut part);
}
