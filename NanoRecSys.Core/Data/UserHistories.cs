using System.Numerics.Tensors;

namespace NanoRecSys.Core.Data;

/// <summary>Every user's items, oldest first, in one flat column, and when they came in another.</summary>
/// <remarks>The columns may be arrays or a mapped file (<see cref="HistoriesFile.Map"/>).</remarks>
public sealed class UserHistories
{
    private readonly ReadOnlyMemory<int> _userIds; // [U], ascending
    private readonly ReadOnlyMemory<long> _offsets; // [U + 1]
    private readonly ReadOnlyMemory<int> _items; // [N], item rows
    private readonly ReadOnlyMemory<long> _times; // [N], or empty

    /// <param name="userIds">[U] ascending, without repeats.</param>
    /// <param name="offsets">[U + 1]: user u's items are <c>items[offsets[u]..offsets[u + 1]]</c>.</param>
    /// <param name="items">[N] item rows, oldest first within a user.</param>
    /// <param name="times">[N] see <see cref="Interaction.Timestamp"/>; none where it is not known when the items came.</param>
    /// <exception cref="ArgumentException">The columns contradict each other.</exception>
    public UserHistories(int[] userIds, long[] offsets, int[] items, long[]? times = null)
        : this(userIds.AsMemory(), offsets.AsMemory(), items.AsMemory(), times.AsMemory())
    {
    }

    /// <inheritdoc cref="UserHistories(int[], long[], int[], long[])"/>
    public UserHistories(ReadOnlyMemory<int> userIds, ReadOnlyMemory<long> offsets, ReadOnlyMemory<int> items, ReadOnlyMemory<long> times)
    {
        ReadOnlySpan<int> ids = userIds.Span;
        ReadOnlySpan<long> starts = offsets.Span;
        if (starts.Length != ids.Length + 1 || starts[0] != 0 || starts[^1] != items.Length)
        {
            throw new ArgumentException($"{ids.Length} users need {ids.Length + 1} offsets from 0 to {items.Length}.", nameof(offsets));
        }

        if (!times.IsEmpty && times.Length != items.Length)
        {
            throw new ArgumentException($"{items.Length} items have {times.Length} times.", nameof(times));
        }

        for (int u = 0; u < ids.Length; u++)
        {
            if (starts[u] > starts[u + 1] || (u > 0 && ids[u] <= ids[u - 1]))
            {
                throw new ArgumentException($"User ids must ascend and offsets must not fall; they do not at position {u}.", nameof(userIds));
            }
        }

        _userIds = userIds;
        _offsets = offsets;
        _items = items;
        _times = times;
    }

    public int UserCount => _userIds.Length;

    public long InteractionCount => _items.Length;

    /// <summary>Whether it is known when the items came.</summary>
    public bool HasTimes => _times.Length == _items.Length;

    /// <summary>When the newest interaction came; 0 without <see cref="HasTimes"/>.</summary>
    public long LastTime => Times.IsEmpty ? 0 : TensorPrimitives.Max(Times);

    public ReadOnlySpan<int> UserIds => _userIds.Span;

    public ReadOnlySpan<long> Offsets => _offsets.Span;

    public ReadOnlySpan<int> Items => _items.Span;

    /// <summary>[N] beside <see cref="Items"/>; empty without <see cref="HasTimes"/>.</summary>
    public ReadOnlySpan<long> Times => _times.Span;

    /// <summary>Item rows of the user at <paramref name="position"/> in <see cref="UserIds"/>, oldest first.</summary>
    public ReadOnlySpan<int> At(int position) => MemoryAt(position).Span;

    /// <summary>As <see cref="At"/>, for what keeps a history: nothing is copied.</summary>
    public ReadOnlyMemory<int> MemoryAt(int position) => Slice(_items, position);

    /// <summary>When the items of <see cref="At"/> came; empty without <see cref="HasTimes"/>.</summary>
    public ReadOnlySpan<long> TimesAt(int position) => TimesMemoryAt(position).Span;

    /// <summary>As <see cref="TimesAt"/>, for what keeps it: nothing is copied.</summary>
    public ReadOnlyMemory<long> TimesMemoryAt(int position) => HasTimes ? Slice(_times, position) : default;

    /// <returns>The user's place in <see cref="UserIds"/>; negative where the user is unknown.</returns>
    public int PositionOf(int userId) => UserIds.BinarySearch(userId);

    /// <summary>Item rows of a user, oldest first; false where the user is unknown.</summary>
    public bool TryGet(int userId, out ReadOnlySpan<int> history) => TryGet(userId, out history, out _);

    /// <summary>Item rows of a user, oldest first, and when they came (see <see cref="TimesAt"/>); false where the user is unknown.</summary>
    public bool TryGet(int userId, out ReadOnlySpan<int> history, out ReadOnlySpan<long> times)
    {
        int position = PositionOf(userId);
        history = position >= 0 ? At(position) : default;
        times = position >= 0 ? TimesAt(position) : default;
        return position >= 0;
    }

    private ReadOnlyMemory<T> Slice<T>(ReadOnlyMemory<T> column, int position)
    {
        ReadOnlySpan<long> offsets = Offsets;
        return column.Slice((int)offsets[position], (int)(offsets[position + 1] - offsets[position]));
    }
}
