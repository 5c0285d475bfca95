namespace NanoRecSys.Core.Data;

/// <summary>Every user's items, oldest first, in one flat array.</summary>
public sealed class UserHistories
{
    private readonly int[] _userIds; // [U], ascending
    private readonly long[] _offsets; // [U + 1]
    private readonly int[] _items; // [offsets[U]], item rows

    /// <param name="userIds">[U] ascending, without repeats.</param>
    /// <param name="offsets">[U + 1]: user u's items are <c>items[offsets[u]..offsets[u + 1]]</c>.</param>
    /// <param name="items">Item rows, oldest first within a user.</param>
    public UserHistories(int[] userIds, long[] offsets, int[] items)
    {
        ArgumentNullException.ThrowIfNull(userIds);
        ArgumentNullException.ThrowIfNull(offsets);
        ArgumentNullException.ThrowIfNull(items);
        if (offsets.Length != userIds.Length + 1 || offsets[0] != 0 || offsets[^1] != items.Length)
        {
            throw new ArgumentException($"{userIds.Length} users need {userIds.Length + 1} offsets from 0 to {items.Length}.", nameof(offsets));
        }

        for (int u = 0; u < userIds.Length; u++)
        {
            if (offsets[u] > offsets[u + 1] || (u > 0 && userIds[u] <= userIds[u - 1]))
            {
                throw new ArgumentException($"User ids must ascend and offsets must not fall; they do not at position {u}.", nameof(userIds));
            }
        }

        _userIds = userIds;
        _offsets = offsets;
        _items = items;
    }

    public int UserCount => _userIds.Length;

    public long InteractionCount => _items.Length;

    public ReadOnlySpan<int> UserIds => _userIds;

    public ReadOnlySpan<long> Offsets => _offsets;

    public ReadOnlySpan<int> Items => _items;

    /// <summary>Item rows of the user at <paramref name="position"/> in <see cref="UserIds"/>, oldest first.</summary>
    public ReadOnlySpan<int> At(int position) =>
        _items.AsSpan((int)_offsets[position], (int)(_offsets[position + 1] - _offsets[position]));

    /// <summary>Item rows of a user, oldest first; false where the user is unknown.</summary>
    public bool TryGet(int userId, out ReadOnlySpan<int> history)
    {
        int position = Array.BinarySearch(_userIds, userId);
        history = position >= 0 ? At(position) : default;
        return position >= 0;
    }
}
