using NanoRecSys.Core.Items;

namespace NanoRecSys.Core.Serving;

/// <summary>A stored record, or its removal.</summary>
/// <param name="Record">Null if it is no longer stored, or cannot be read.</param>
/// <param name="Words">Words of its title, see <see cref="TitleSearch"/>; empty without a title.</param>
/// <param name="HashChange">Hash of the stored bytes, xor that of the item's previous record: the change in the hash of all records.</param>
internal sealed record StoredItem(EntityId Id, ItemRecord? Record, string[] Words, long HashChange);

/// <summary>
/// The changes to stored items up to a point in time. Immutable; a log shares its entries with the logs it was appended to, so
/// appending costs the same for any length.
/// </summary>
internal sealed class ItemLog
{
    public static readonly ItemLog Empty = Of([]);

    private readonly StoredItem[] _entries; // written only after the end of all logs that share it
    private readonly object _origin;

    private ItemLog(StoredItem[] entries, int count, object origin) => (_entries, Count, _origin) = (entries, count, origin);

    public int Count { get; }
    public ArraySegment<StoredItem> Entries => new(_entries, 0, Count); // oldest first; a later entry for the same item replaces an earlier one

    /// <param name="entries">Oldest first, one per item.</param>
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

    /// <summary>Whether this log begins with all entries of another one.</summary>
    public bool BeginsWith(ItemLog other) => ReferenceEquals(_origin, other._origin) && Count >= other.Count;
}
