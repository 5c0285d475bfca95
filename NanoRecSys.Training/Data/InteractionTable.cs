using System.Runtime.InteropServices;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>Interactions as columns: 20 million of them are four arrays, not 20 million objects.</summary>
internal sealed class InteractionTable(int capacity = 1024)
{
    private int[] _users = new int[capacity];
    private int[] _items = new int[capacity];
    private float[] _ratings = new float[capacity];
    private long[] _times = new long[capacity];

    public int Count { get; private set; }

    /// <summary>[Count] the data set's user ids.</summary>
    public ReadOnlySpan<int> Users => _users.AsSpan(0, Count);

    /// <summary>[Count] movie ids as read; rows of the item table once prepared.</summary>
    public ReadOnlySpan<int> Items => _items.AsSpan(0, Count);

    /// <summary>[Count]</summary>
    public ReadOnlySpan<float> Ratings => _ratings.AsSpan(0, Count);

    /// <summary>[Count] in the file's unit, see <see cref="TimeUnit"/>.</summary>
    public ReadOnlySpan<long> Times => _times.AsSpan(0, Count);

    public Interaction this[int position] => new(_users[position], _items[position], _ratings[position], _times[position]);

    public void Add(Interaction interaction)
    {
        if (Count == _users.Length)
        {
            int grown = Math.Max(4, checked(_users.Length * 2));
            Array.Resize(ref _users, grown);
            Array.Resize(ref _items, grown);
            Array.Resize(ref _ratings, grown);
            Array.Resize(ref _times, grown);
        }

        _users[Count] = interaction.UserId;
        _items[Count] = interaction.ItemId;
        _ratings[Count] = interaction.Rating;
        _times[Count] = interaction.Timestamp;
        Count++;
    }

    /// <param name="others">Rows with times in seconds.</param>
    /// <param name="unit">Of the times of this table.</param>
    public void AddRange(InteractionTable others, TimeUnit unit)
    {
        for (int i = 0; i < others.Count; i++)
        {
            Add(others[i] with { Timestamp = others[i].Timestamp * unit.PerSecond });
        }
    }

    /// <summary>The rows at the given positions, in their order.</summary>
    public InteractionTable Take(ReadOnlySpan<int> positions)
    {
        var taken = new InteractionTable(positions.Length);
        foreach (int position in positions)
        {
            taken.Add(this[position]);
        }

        return taken;
    }

    /// <summary>Counts of each id in a column.</summary>
    public static Dictionary<int, int> CountById(ReadOnlySpan<int> ids)
    {
        var counts = new Dictionary<int, int>();
        foreach (int id in ids)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(counts, id, out _)++;
        }

        return counts;
    }

    /// <summary>The same columns as histories, for rows sorted as <see cref="UserOrder"/> does it.</summary>
    /// <param name="unit">Of the times here; those of histories are seconds.</param>
    public UserHistories ToHistories(TimeUnit unit)
    {
        var ids = new List<int>();
        var offsets = new List<long>();
        for (int row = 0; row < Count; row++)
        {
            if (row == 0 || _users[row] != _users[row - 1])
            {
                ids.Add(_users[row]);
                offsets.Add(row);
            }
        }

        offsets.Add(Count);
        Memory<long> times = _times.AsMemory(0, Count);
        if (unit != TimeUnit.Seconds)
        {
            times = Array.ConvertAll(times.ToArray(), unit.ToSeconds);
        }

        return new UserHistories(ids.ToArray(), offsets.ToArray(), _items.AsMemory(0, Count), times);
    }
}

/// <summary>Gives each movie its row of the item table: the order of first appearance in the file, unless it is given.</summary>
internal static class ItemRows
{
    /// <param name="interactions">With movie ids.</param>
    /// <param name="order">The ids of the first rows, each once; others follow as they appear.</param>
    /// <returns>The interactions with rows for movie ids, and [V] the id of each row.</returns>
    public static (InteractionTable Interactions, int[] MovieIds) Assign(InteractionTable interactions, IReadOnlyList<int>? order = null)
    {
        Dictionary<int, int> rows = (order ?? []).Select((id, row) => (id, row)).ToDictionary(item => item.id, item => item.row);
        var table = new InteractionTable(interactions.Count);
        for (int i = 0; i < interactions.Count; i++)
        {
            Interaction interaction = interactions[i];
            ref int row = ref CollectionsMarshal.GetValueRefOrAddDefault(rows, interaction.ItemId, out bool isThere);
            row = isThere ? row : rows.Count - 1;
            table.Add(interaction with { ItemId = row });
        }

        int[] ids = new int[rows.Count];
        foreach ((int id, int row) in rows)
        {
            ids[row] = id;
        }

        return (table, ids);
    }
}

/// <summary>Ratings beside a catalog that was fixed elsewhere, with an imported model.</summary>
internal static class FixedItems
{
    /// <summary>The interactions with items of the catalog.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static InteractionTable Keep(InteractionTable interactions, IReadOnlyList<int> movieIds)
    {
        HashSet<int> known = [.. movieIds];
        var positions = new List<int>(interactions.Count);
        for (int i = 0; i < interactions.Count; i++)
        {
            if (known.Contains(interactions.Items[i]))
            {
                positions.Add(i);
            }
        }

        return positions.Count > 0
            ? interactions.Take([.. positions])
            : throw new UserErrorException("The item map contains no rated movie. Check that it has the movie ids of this data.");
    }

    /// <param name="movieIds">The catalog's.</param>
    /// <param name="read">All interactions.</param>
    /// <param name="kept">Those that are left.</param>
    public static ItemOrderSummary Compare(IReadOnlyList<int> movieIds, InteractionTable read, InteractionTable kept)
    {
        Dictionary<int, int> unknown = InteractionTable.CountById(read.Items);
        foreach (int id in movieIds)
        {
            unknown.Remove(id);
        }

        int rated = InteractionTable.CountById(kept.Items).Count;
        return new ItemOrderSummary(movieIds.Count - rated, unknown.Count, unknown.Values.Sum(count => (long)count));
    }
}

/// <summary>Drops users and items with fewer than k interactions until none is left.</summary>
internal static class KCore
{
    public static InteractionTable Filter(InteractionTable interactions, int k)
    {
        while (k > 1)
        {
            Dictionary<int, int> users = InteractionTable.CountById(interactions.Users);
            Dictionary<int, int> items = InteractionTable.CountById(interactions.Items);
            var kept = new List<int>(interactions.Count);
            for (int i = 0; i < interactions.Count; i++)
            {
                if (users[interactions.Users[i]] >= k && items[interactions.Items[i]] >= k)
                {
                    kept.Add(i);
                }
            }

            if (kept.Count == interactions.Count)
            {
                break;
            }

            interactions = interactions.Take([.. kept]);
        }

        return interactions;
    }
}

/// <summary>Puts interactions into the order that histories have: by user id, then time, then place in the file.</summary>
internal static class UserOrder
{
    /// <returns>The sorted interactions, and how many users have equal timestamps among theirs.</returns>
    public static (InteractionTable Sorted, int TiedUsers) Sort(InteractionTable interactions)
    {
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
