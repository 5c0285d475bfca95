using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Items;

/// <summary>A movie that was added after the training.</summary>
/// <param name="Item">Row and count are not its own yet.</param>
/// <param name="Words">Of the title, see <see cref="Serving.TitleSearch"/>.</param>
/// <param name="Added">See <see cref="Core.Items.AddedMovie.Added"/>.</param>
/// <param name="Hash">Of the stored record.</param>
internal sealed record AddedItem(CatalogItem Item, string[] Words, long Added, long Hash);

/// <summary>
/// The added movies at one time. Immutable; a list shares its rows with those that it was appended to, so that appending costs the
/// same for any length.
/// </summary>
internal sealed class AddedList
{
    public static readonly AddedList Empty = Of([]);

    private readonly AddedItem[] _items; // written only behind the end of every list that shares it
    private readonly object _origin;

    private AddedList(AddedItem[] items, int count, object origin) => (_items, Count, _origin) = (items, count, origin);

    public int Count { get; }

    /// <summary>Oldest first.</summary>
    public ArraySegment<AddedItem> Items => new(_items, 0, Count);

    /// <param name="items">Oldest first, each movie once.</param>
    public static AddedList Of(AddedItem[] items) => new(items, items.Length, new object());

    /// <summary>Only the latest list may be appended to.</summary>
    public AddedList Append(AddedItem item)
    {
        AddedItem[] items = _items;
        if (Count == items.Length)
        {
            Array.Resize(ref items, Math.Max(16, 2 * Count));
        }

        items[Count] = item;
        return new AddedList(items, Count + 1, _origin);
    }

    /// <summary>The first ones.</summary>
    public AddedList Take(int count) => count == Count ? this : new(_items, count, _origin);

    /// <summary>Whether this list begins with all of another one.</summary>
    public bool BeginsWith(AddedList other) => ReferenceEquals(_origin, other._origin) && Count >= other.Count;
}
