using System.Collections.Frozen;

namespace NanoRecSys.Core.Data;

/// <summary>All items, addressable by row and by movie id.</summary>
public sealed class Catalog
{
    private readonly FrozenDictionary<int, int> _rowOfMovie;

    /// <param name="items">In row order: <c>items[i].Index == i</c>.</param>
    /// <exception cref="ArgumentException">Rows out of order, or a movie id given twice.</exception>
    public Catalog(IReadOnlyList<CatalogItem> items)
    {
        ArgumentNullException.ThrowIfNull(items);
        var rows = new Dictionary<int, int>(items.Count);
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Index != i)
            {
                throw new ArgumentException($"Catalog row {i} holds item index {items[i].Index}; rows must be in index order.", nameof(items));
            }

            if (!rows.TryAdd(items[i].MovieId, i))
            {
                throw new ArgumentException($"Movie id {items[i].MovieId} stands in the catalog twice (rows {rows[items[i].MovieId]} and {i}).", nameof(items));
            }
        }

        Items = items;
        _rowOfMovie = rows.ToFrozenDictionary();
    }

    public IReadOnlyList<CatalogItem> Items { get; }

    public int Count => Items.Count;

    public CatalogItem this[ItemIndex index] => Items[index.Value];

    public bool TryFind(ItemId id, out ItemIndex index)
    {
        bool found = _rowOfMovie.TryGetValue(id.Value, out int row);
        index = new ItemIndex(row);
        return found;
    }
}
