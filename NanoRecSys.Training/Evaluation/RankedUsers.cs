using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Where one or more models put the targets of the same users.</summary>
/// <param name="Users">[U] positions in the split, ascending.</param>
/// <param name="Targets">[U] rows of the items that came next.</param>
/// <param name="HistoryLengths">[U] items before the target.</param>
/// <param name="Ranks">[models][U], 1 is the best.</param>
public sealed record RankedUsers(int[] Users, int[] Targets, int[] HistoryLengths, int[][] Ranks)
{
    /// <summary>All users with a held-out item, not yet ranked.</summary>
    internal static RankedUsers Of(DataSplit split, HeldOut part, int models)
    {
        ArgumentNullException.ThrowIfNull(split);
        var users = new List<int>(split.UserCount);
        var targets = new List<int>(split.UserCount);
        var lengths = new List<int>(split.UserCount);
        for (int user = 0; user < split.UserCount; user++)
        {
            if (split.TryGet(user, part, out HeldOutCase found))
            {
                users.Add(user);
                targets.Add(found.Target);
                lengths.Add(found.Before.Length);
            }
        }

        return new RankedUsers(
            [.. users], [.. targets], [.. lengths], [.. Enumerable.Range(0, models).Select(_ => new int[users.Count])]);
    }

    /// <summary>[U] places in <see cref="Users"/>, shortest history first; equal ones in the users' order.</summary>
    internal int[] ByHistoryLength()
    {
        int[] order = [.. Enumerable.Range(0, Users.Length)];
        long[] keys = Array.ConvertAll(order, place => (long)HistoryLengths[place] << 32 | (uint)place);
        Array.Sort(keys, order);
        return order;
    }
}
