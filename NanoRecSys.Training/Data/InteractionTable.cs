namespace NanoRecSys.Training.Data;

/// <summary>Interactions as columns: 20 million of them are four arrays, not 20 million objects.</summary>
/// <remarks>Users and items are codes, which <see cref="UserIds"/> and <see cref="ItemIds"/> translate; tables derived from others share them.</remarks>
internal sealed class InteractionTable(int capacity = 1024, IdCodes? users = null, IdCodes? items = null)
{
    private int[] _users = new int[capacity];
    private int[] _items = new int[capacity];
    private float[] _ratings = new float[capacity];
    private long[] _times = new long[capacity];
    private float[]? _weights; // null while all are 1

    public int Count { get; private set; }
    public IdCodes UserIds { get; } = users ?? new IdCodes();
    public IdCodes ItemIds { get; } = items ?? new IdCodes();

    /// <summary>[Count] codes.</summary>
    public ReadOnlySpan<int> Users => _users.AsSpan(0, Count);

    /// <summary>[Count] codes; rows of the item table once prepared.</summary>
    public ReadOnlySpan<int> Items => _items.AsSpan(0, Count);

    /// <summary>[Count]</summary>
    public ReadOnlySpan<float> Ratings => _ratings.AsSpan(0, Count);

    /// <summary>[Count] in the file's unit; see <see cref="TimeUnit"/>.</summary>
    public ReadOnlySpan<long> Times => _times.AsSpan(0, Count);

    /// <summary>[Count], or empty if every weight is 1.</summary>
    public ReadOnlySpan<float> Weights => _weights.AsSpan(0, _weights is null ? 0 : Count);

    public Interaction this[int position] => new(_users[position], _items[position], _ratings[position], _times[position], _weights?[position] ?? 1);

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
            if (_weights is not null)
            {
                Array.Resize(ref _weights, grown);
            }
        }

        _users[Count] = interaction.User;
        _items[Count] = interaction.Item;
        _ratings[Count] = interaction.Rating;
        _times[Count] = interaction.Timestamp;
        if (_weights is null && interaction.Weight != 1)
        {
            _weights = new float[_users.Length];
            _weights.AsSpan(0, Count).Fill(1);
        }

        if (_weights is not null)
        {
            _weights[Count] = interaction.Weight;
        }

        Count++;
    }

    /// <summary>Converts times to a finer unit.</summary>
    public void MultiplyTimes(long factor)
    {
        foreach (ref long time in _times.AsSpan(0, Count))
        {
            time *= factor;
        }
    }

    /// <summary>Uses the rows' positions as their times.</summary>
    public void NumberTimes()
    {
        for (int i = 0; i < Count; i++)
        {
            _times[i] = i;
        }
    }

    /// <param name="others">Rows with times in seconds.</param>
    public void AddRange(InteractionTable others, TimeUnit unit)
    {
        for (int i = 0; i < others.Count; i++)
        {
            Interaction other = others[i];
            Add(other with { User = UserIds.CodeOf(others.UserIds[other.User]), Item = ItemIds.CodeOf(others.ItemIds[other.Item]), Timestamp = other.Timestamp * unit.PerSecond });
        }
    }

    /// <summary>The rows at whose positions <paramref name="isKept"/> is true; this table itself if all are kept.</summary>
    public InteractionTable Where(Func<int, bool> isKept)
    {
        int[] kept = [.. Enumerable.Range(0, Count).Where(isKept)];
        return kept.Length == Count ? this : Take(kept);
    }

    public InteractionTable Take(ReadOnlySpan<int> positions)
    {
        var taken = new InteractionTable(positions.Length, UserIds, ItemIds);
        foreach (int position in positions)
        {
            taken.Add(this[position]);
        }

        return taken;
    }

    public static Dictionary<int, int> CountById(ReadOnlySpan<int> ids)
    {
        var counts = new Dictionary<int, int>();
        foreach (int id in ids)
        {
            CollectionsMarshal.GetValueRefOrAddDefault(counts, id, out _)++;
        }

        return counts;
    }

    /// <summary>The same columns as histories; rows must be sorted by <see cref="UserOrder"/>.</summary>
    public UserHistories ToHistories(TimeUnit unit)
    {
        var codes = new List<int>();
        var offsets = new List<long>();
        for (int row = 0; row < Count; row++)
        {
            if (row == 0 || _users[row] != _users[row - 1])
            {
                codes.Add(_users[row]);
                offsets.Add(row);
            }
        }

        offsets.Add(Count);
        Memory<long> times = _times.AsMemory(0, Count);
        if (unit != TimeUnit.Seconds)
        {
            times = Array.ConvertAll(times.ToArray(), unit.ToSeconds);
        }

        return new UserHistories(IdTable.Of(UserIds.Typed(codes)), offsets.ToArray(), _items.AsMemory(0, Count), times, _weights.AsMemory(0, _weights is null ? 0 : Count));
    }
}

/// <summary>Assigns each item its row of the item table: in order of first appearance in the file, unless an order is given.</summary>
internal static class ItemRows
{
    /// <returns>The interactions with rows instead of codes, and [V] the id of each row.</returns>
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

        return (table, rows.Typed(Enumerable.Range(0, rows.Count)));
    }
}

/// <summary>Interactions for a catalog that an imported model fixes.</summary>
internal static class FixedItems
{
    public static InteractionTable Keep(InteractionTable interactions, IReadOnlyList<EntityId> itemIds)
    {
        HashSet<EntityId> ids = [.. itemIds];
        bool[] isKnown = [.. Enumerable.Range(0, interactions.ItemIds.Count).Select(code => ids.Contains(interactions.ItemIds[code]))]; // [codes of items]
        InteractionTable kept = interactions.Where(row => isKnown[interactions.Items[row]]);
        return kept.Count > 0
            ? kept
            : throw new UserErrorException("The item map contains no item of the interactions. Check that it has the item ids of this data.");
    }

    /// <param name="known">What <see cref="Keep"/> left of <paramref name="read"/>.</param>
    /// <param name="kept">What the other filters left of it.</param>
    public static ItemOrderSummary Compare(IReadOnlyList<EntityId> itemIds, InteractionTable read, InteractionTable known, InteractionTable kept)
    {
        static int Items(InteractionTable table) => InteractionTable.CountById(table.Items).Count;
        return new ItemOrderSummary(itemIds.Count - Items(kept), Items(read) - Items(known), read.Count - known.Count);
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
            InteractionTable all = interactions;
            interactions = all.Where(row => users[all.Users[row]] >= k && items[all.Items[row]] >= k);
            if (interactions.Count == all.Count)
            {
                break;
            }
        }

        return interactions;
    }
}

/// <summary>Sorts interactions as histories need them: by user id, then time, then position in the file.</summary>
internal static class UserOrder
{
    public static (InteractionTable Sorted, int TiedUsers) Sort(InteractionTable interactions)
    {
        Dictionary<int, int> counts = InteractionTable.CountById(interactions.Users);
        int[] users = interactions.UserIds.Sort(counts.Keys);

        // A counting sort by user keeps the file's order; each user's own rows are few.
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
            Span<(long Time, int Row)> own = order.AsSpan(start, counts[user]);
            own.Sort(); // By time, then by row: stable, although the sort is not.
            tied += HasTies(own) ? 1 : 0;
            start += own.Length;
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
