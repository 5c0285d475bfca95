using System.Runtime.InteropServices;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>Interactions as columns: 20 million of them are four arrays, not 20 million objects.</summary>
/// <remarks>Users and items are codes, which <see cref="UserIds"/> and <see cref="ItemIds"/> translate; tables made of others share them.</remarks>
internal sealed class InteractionTable(int capacity = 1024, IdCodes? users = null, IdCodes? items = null)
{
    private int[] _users = new int[capacity];
    private int[] _items = new int[capacity];
    private float[] _ratings = new float[capacity];
    private long[] _times = new long[capacity];

    public int Count { get; private set; }

    /// <summary>Ids of the codes in <see cref="Users"/>.</summary>
    public IdCodes UserIds { get; } = users ?? new IdCodes();

    /// <summary>Ids of the codes in <see cref="Items"/>.</summary>
    public IdCodes ItemIds { get; } = items ?? new IdCodes();

    /// <summary>[Count] codes.</summary>
    public ReadOnlySpan<int> Users => _users.AsSpan(0, Count);

    /// <summary>[Count] codes; rows of the item table once prepared.</summary>
    public ReadOnlySpan<int> Items => _items.AsSpan(0, Count);

    /// <summary>[Count]</summary>
    public ReadOnlySpan<float> Ratings => _ratings.AsSpan(0, Count);

    /// <summary>[Count] in the file's unit, see <see cref="TimeUnit"/>.</summary>
    public ReadOnlySpan<long> Times => _times.AsSpan(0, Count);

    public Interaction this[int position] => new(_users[position], _items[position], _ratings[position], _times[position]);

    public void Add(EntityId user, EntityId item, float rating, long timestamp) =>
        Add(new Interaction(UserIds.CodeOf(user), ItemIds.CodeOf(item), rating, timestamp));

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

        _users[Count] = interaction.User;
        _items[Count] = interaction.Item;
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
            Interaction other = others[i];
            Add(others.UserIds[other.User], others.ItemIds[other.Item], other.Rating, other.Timestamp * unit.PerSecond);
        }
    }

    /// <summary>The rows at the given positions, in their order.</summary>
    public InteractionTable Take(ReadOnlySpan<int> positions)
    {
        var taken = new InteractionTable(positions.Length, UserIds, ItemIds);
        foreach (int position in positions)
        {
            taken.Add(this[position]);
        }

        return taken;
    }

    /// <summary>Counts of each code in a column.</summary>
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
        var ids = new List<EntityId>();
        var offsets = new List<long>();
        for (int row = 0; row < Count; row++)
        {
            if (row == 0 || _users[row] != _users[row - 1])
            {
                ids.Add(UserIds[_users[row]]);
                offsets.Add(row);
            }
        }

        offsets.Add(Count);
        Memory<long> times = _times.AsMemory(0, Count);
        if (unit != TimeUnit.Seconds)
        {
            times = Array.ConvertAll(times.ToArray(), unit.ToSeconds);
        }

        return new UserHistories(IdTable.Of(UserIds.Typed(ids)), offsets.ToArray(), _items.AsMemory(0, Count), times);
    }
}

/// <summary>Numbers ids in the order in which they are first asked for.</summary>
internal sealed class IdCodes
{
    private readonly Dictionary<EntityId, int> _codes = [];
    private readonly List<EntityId> _ids = [];

    public int Count => _ids.Count;

    /// <summary>Whether all are whole numbers of 64 bits.</summary>
    public bool AreNumbers { get; private set; } = true;

    public EntityId this[int code] => _ids[code];

    public int CodeOf(EntityId id)
    {
        ref int code = ref CollectionsMarshal.GetValueRefOrAddDefault(_codes, id, out bool isThere);
        if (!isThere)
        {
            code = _ids.Count;
            _ids.Add(id);
            AreNumbers &= EntityId.IsWholeNumber(id.Text, out _);
        }

        return code;
    }

    public bool TryFind(EntityId id, out int code) => _codes.TryGetValue(id, out code);

    /// <summary>The ids as numbers where all are, else as texts.</summary>
    public EntityId[] Typed(IEnumerable<EntityId> ids) => [.. ids.Select(id => EntityId.Of(id.Text, AreNumbers))];

    /// <summary>Codes in the order of their ids; see <see cref="EntityId.Compare"/>.</summary>
    public int[] Sort(IEnumerable<int> codes)
    {
        int[] sorted = [.. codes];
        EntityId[] ids = Typed(sorted.Select(code => _ids[code]));
        Array.Sort(ids, sorted, Comparer<EntityId>.Create(EntityId.Compare));
        return sorted;
    }
}

/// <summary>Gives each item its row of the item table: the order of first appearance in the file, unless it is given.</summary>
internal static class ItemRows
{
    /// <param name="interactions">With codes of items.</param>
    /// <param name="order">The ids of the first rows, each once; others follow as they appear.</param>
    /// <returns>The interactions with rows for codes, and [V] the id of each row.</returns>
    public static (InteractionTable Interactions, EntityId[] Ids) Assign(InteractionTable interactions, IReadOnlyList<EntityId>? order = null)
    {
        var rows = new IdCodes();
        foreach (EntityId id in order ?? [])
        {
            rows.CodeOf(id);
        }

        int[] rowOfCode = new int[interactions.ItemIds.Count];
        Array.Fill(rowOfCode, -1);
        var table = new InteractionTable(interactions.Count, interactions.UserIds, rows);
        for (int i = 0; i < interactions.Count; i++)
        {
            Interaction interaction = interactions[i];
            ref int row = ref rowOfCode[interaction.Item];
            row = row >= 0 ? row : rows.CodeOf(interactions.ItemIds[interaction.Item]);
            table.Add(interaction with { Item = row });
        }

        return (table, rows.Typed(Enumerable.Range(0, rows.Count).Select(row => rows[row])));
    }
}

/// <summary>Ratings beside a catalog that was fixed elsewhere, with an imported model.</summary>
internal static class FixedItems
{
    /// <summary>The interactions with items of the catalog.</summary>
    /// <exception cref="UserErrorException">There is none.</exception>
    public static InteractionTable Keep(InteractionTable interactions, IReadOnlyList<EntityId> itemIds)
    {
        bool[] isKnown = Known(interactions, itemIds);
        int[] positions = [.. Enumerable.Range(0, interactions.Count).Where(i => isKnown[interactions.Items[i]])];
        return positions.Length > 0
            ? interactions.Take(positions)
            : throw new UserErrorException("The item map contains no item of the interactions. Check that it has the item ids of this data.");
    }

    /// <param name="itemIds">The catalog's.</param>
    /// <param name="read">All interactions.</param>
    /// <param name="kept">Those that are left.</param>
    public static ItemOrderSummary Compare(IReadOnlyList<EntityId> itemIds, InteractionTable read, InteractionTable kept)
    {
        bool[] isKnown = Known(read, itemIds);
        int[] unknown = [.. InteractionTable.CountById(read.Items).Where(count => !isKnown[count.Key]).Select(count => count.Value)];
        int rated = InteractionTable.CountById(kept.Items).Count;
        return new ItemOrderSummary(itemIds.Count - rated, unknown.Length, unknown.Sum(count => (long)count));
    }

    // [codes of items]
    private static bool[] Known(InteractionTable interactions, IReadOnlyList<EntityId> itemIds)
    {
        var isKnown = new bool[interactions.ItemIds.Count];
        foreach (EntityId id in itemIds)
        {
            if (interactions.ItemIds.TryFind(id, out int code))
            {
                isKnown[code] = true;
            }
        }

        return isKnown;
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
        Dictionary<int, int> counts = InteractionTable.CountById(interactions.Users);
        int[] users = interactions.UserIds.Sort(counts.Keys);

        // A counting sort by user keeps the file's order; then each user's own rows are few.
        var next = new Dictionary<int, int>(users.Length);
        int start = 0;
        foreach (int user in users)
        {
            next[user] = start;
            start += counts[user];
        }

        var order = new (long Time, int Row)[interactions.Count];
        for (int row = 0; row < interactions.Count; row++)
        {
            int position = next[interactions.Users[row]]++;
            order[position] = (interactions.Times[row], row);
        }

        int tied = 0;
        start = 0;
        foreach (int user in users)
        {
            int count = counts[user];
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
