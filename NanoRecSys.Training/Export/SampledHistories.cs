using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Export;

/// <summary>Histories of real users, drawn at random, to compare networks and indexes on.</summary>
internal static class SampledHistories
{
    /// <returns>That many whole histories, or as many as there are; none is empty.</returns>
    public static TimedHistory[] Draw(UserHistories histories, int count, long seed)
    {
        int[] users = [.. Enumerable.Range(0, histories.UserCount).Where(user => !histories.At(user).IsEmpty)];
        new Random((int)seed).Shuffle(users);
        return [.. users.Take(count).Select(user => WholeOf(histories, user))];
    }

    private static TimedHistory WholeOf(UserHistories histories, int user)
    {
        ReadOnlyMemory<long> times = histories.TimesMemoryAt(user);
        return new TimedHistory(histories.MemoryAt(user), times, times.IsEmpty ? 0 : times.Span[^1]);
    }
}
