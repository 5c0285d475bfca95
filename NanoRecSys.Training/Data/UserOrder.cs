namespace NanoRecSys.Training.Data;

/// <summary>Puts interactions into the order that histories have: by user id, then time, then place in the file.</summary>
public static class UserOrder
{
    /// <returns>The sorted interactions, and how many users have equal timestamps among theirs.</returns>
    public static (InteractionTable Sorted, int TiedUsers) Sort(InteractionTable interactions)
    {
        ArgumentNullException.ThrowIfNull(interactions);
        (int User, int Count)[] users = [.. InteractionTable.CountById(interactions.Users).Select(entry => (entry.Key, entry.Value)).Order()];

        // A counting sort by user keeps the file's order; then each user's own rows are few.
        var next = new Dictionary<int, int>(users.Length);
        int start = 0;
        foreach ((int user, int count) in users)
        {
            next[user] = start;
            start += count;
        }

        var order = new (long Time, int Row)[interactions.Count];
        for (int row = 0; row < interactions.Count; row++)
        {
            int position = next[interactions.Users[row]]++;
            order[position] = (interactions.Times[row], row);
        }

        int tied = 0;
        start = 0;
        foreach ((_, int count) in users)
        {
            Span<(long Time, int Row)> own = order.AsSpan(start, count);
            own.Sort(); // By time, then by row: stable although the sort is not.
            tied += HasTies(own) ? 1 : 0;
            start += count;
        }

        return (interactions.Take(Array.ConvertAll(order, entry => entry.Row)), tied);
    }

    private static bool HasTies(ReadOnlySpan<(long Time, int Row)> ordered)
    {
        for (int i = 1; i < ordered.Length; i++)
        {
            if (ordered[i].Time == ordered[i - 1].Time)
            {
                return true;
            }
        }

        return false;
    }
}
