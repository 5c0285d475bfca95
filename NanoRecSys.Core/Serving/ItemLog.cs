using NanoRecSys.Core.Items;

namespace NanoRecSys.Core.Serving;

/// <summary>A stored record, or the end of one.</summary>
/// <param name="Record">Null where it is no longer stored, or cannot be read.</param>
/// <param name="Words">Of its title, see <see cref="TitleSearch"/>; none without one.</param>
/// <param name="HashChange">Of the stored bytes, xor that of the item's record before: what it changes of the hash of all.</param>
internal sealed record StoredItem(EntityId Id, ItemRecord? Record, string[] Words, long HashChange);

/// <summary>
/// The changes of the stored items up to one time. Immutable; a log shares its entries with those that it was appended to, so that
/// appending costs the same for any length.
/// </summary>
internal sealed class ItemLog
{
    public static readonly ItemLog Empty = Of([]);

    private readonly StoredItem[] _entries; // written only behind the end of every log that shares it
    private readonly object _origin;

    private ItemLog(StoredItem[] entries, int count, object origin) => (_entries, Count, _origin) = (entries, count, origin);

    public int Count { get; }
    public ArraySegment<StoredItem> Entries => new(_entries, 0, Count); // oldest first; a later one of the same item replaces an earlier one

    /// <param name="entries">Oldest first, each item once.</param>
    public static ItemLog Of(StoredItem[] entries) => new(entries, entries.Length, new object());

    /// <summary>Only the latest log may be appended to.</summary>
    public ItemLog Append(StoredItem entry)
    {
        StoredItem[] entries = _entries;
        if (Count == entries.Length)
        {
            Array.Resize(ref entries, Math.Max(16, 2 * Count));
        }

        entries[Count] = entry;
        return new ItemLog(entries, Count + 1, _origin);
    }

    /// <summary>Whether this log begins with all of another one.</summary>
    public bool BeginsWith(ItemLog other) => ReferenceEquals(_origin, other._origin) && Count >= other.Count;
}
