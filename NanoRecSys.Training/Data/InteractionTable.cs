using System.Runtime.InteropServices;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Training.Data;

/// <summary>Interactions as columns: 20 million of them are four arrays, not 20 million objects.</summary>
public sealed class InteractionTable(int capacity = 1024)
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

    /// <summary>[Count] see <see cref="Interaction.Timestamp"/>.</summary>
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

    public void AddRange(InteractionTable others)
    {
        ArgumentNullException.ThrowIfNull(others);
        for (int i = 0; i < others.Count; i++)
        {
            Add(others[i]);
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

    /// <summary>How often each id of a column stands there.</summary>
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
    public UserHistories ToHistories()
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
        return new UserHistories(ids.ToArray(), offsets.ToArray(), _items.AsMemory(0, Count), _times.AsMemory(0, Count));
    }
}
