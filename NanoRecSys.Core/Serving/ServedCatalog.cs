using System.Collections.Concurrent;
using System.Collections.Immutable;
using NanoRecSys.Core.Items;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>
/// All items of one request: the model's and, after them, those added since, which the content map placed among them so that one
/// search finds both; all with their current data from the item store. Immutable.
/// </summary>
internal sealed class ServedCatalog
{
    public required ModelSnapshot Model { get; init; }
    public required IVectorIndex Index { get; init; } // over all V + N rows, the model's and then the new ones
    public required ItemLog Source { get; init; } // the log it was built from
    public required long Hash { get; init; } // identifies the changes to items since the training, in any order
    public required CatalogItem[] NewItems { get; init; } // [N] and room for more; written only after the end of all instances that share it
    public required float[] NewEmbeddings { get; init; } // [N, D], likewise
    public required ConcurrentDictionary<EntityId, int> NewRows { get; init; }
    public required ImmutableDictionary<int, CatalogItem> Changed { get; init; } // rows of items that differ from the model and NewItems
    public required ImmutableHashSet<int> Gone { get; init; } // rows of items that were deleted or moved to another row
    public required Availability Availability { get; init; }
    public int FirstRow => Model.Catalog.Count; // V, the row of the first new item
    public int Count => Index.Count; // V + N rows

    public bool TryFind(EntityId id, out int row) =>
        (Model.Catalog.TryFind(id, out row) || (NewRows.TryGetValue(id, out row) && row < Count)) && !Gone.Contains(row);

    /// <summary>Whether the user tower can read it; it can read the items it was trained on.</summary>
    public bool IsRead(int row) => row < FirstRow;

    public CatalogItem ItemAt(int row) =>
        !Changed.IsEmpty && Changed.TryGetValue(row, out CatalogItem? changed) ? changed : IsRead(row) ? Model.Catalog.Items[row] : NewItems[row - FirstRow];

    /// <summary>[D], unit length; for a new item, estimated from its data.</summary>
    public ReadOnlySpan<float> EmbeddingOf(int row) =>
        IsRead(row) ? Model.Items.Row(row) : NewEmbeddings.AsSpan((row - FirstRow) * Index.Dimension, Index.Dimension);

    /// <returns>Null if no item has the attribute.</returns>
    public AttributeKind? KindOf(string field) => Model.Attributes.KindOf(field) ?? ChangedTable.KindOf(field);

    public IEnumerable<string> Fields => Model.Attributes.Fields.Union(ChangedTable.Fields, StringComparer.OrdinalIgnoreCase).Order(StringComparer.OrdinalIgnoreCase);

    public bool HasValue(string field, string text) => Model.Attributes.HasValue(field, text) || ChangedTable.HasValue(field, text);

    /// <returns>The rows whose items meet all conditions.</returns>
    public RowSet Matching(IEnumerable<Condition> conditions)
    {
        RowSet rows = new RowSet(Count).Fill();
        foreach (Condition condition in conditions)
        {
            AttributeKind kind = KindOf(condition.Field) ?? AttributeKind.Text;
            var matching = new RowSet(Count);
            foreach (int row in Model.Attributes.Matching(condition, kind))
            {
                matching.Add(row);
            }

            int[] changedRows = ChangedTable.Rows;
            matching.RemoveRange(changedRows);
            foreach (int i in ChangedTable.Matching(condition, kind))
            {
                matching.Add(changedRows[i]);
            }

            rows.IntersectWith(matching);
        }

        return rows;
    }

    // Items that differ from the model's own table; built at the first filter after a change.
    private AttributeTable ChangedTable => LazyInitializer.EnsureInitialized(ref field, () =>
    {
        int[] rows = [.. Changed.Keys.Concat(Enumerable.Range(FirstRow, Count - FirstRow)).Distinct()];
        return new AttributeTable(Array.ConvertAll(rows, ItemAt)) { Rows = rows };
    });
}

/// <summary>Which rows may be recommended for a certain time.</summary>
/// <param name="Unavailable">Over all rows: hidden, deleted, or outside their availability period; null for none.</param>
/// <param name="Since">The latest time at which an item became available or unavailable, in milliseconds since 1970; 0 for none.</param>
internal sealed record Availability(RowSet? Unavailable, long Since, DateTimeOffset Until)
{
    /// <param name="items">Items that are not always available, with their rows.</param>
    /// <param name="gone">Rows that are never available.</param>
    public static Availability At(IEnumerable<(int Row, CatalogItem Item)> items, IReadOnlyCollection<int> gone, int count, DateTimeOffset now)
    {
        RowSet? unavailable = gone.Count == 0 ? null : new RowSet(count);
        unavailable?.AddRange([.. gone]);
        (DateTimeOffset since, DateTimeOffset until) = (DateTimeOffset.UnixEpoch, DateTimeOffset.MaxValue);
        foreach ((int row, CatalogItem item) in items)
        {
            if (!item.IsAvailable(now))
            {
                (unavailable ??= new RowSet(count)).Add(row);
            }

            foreach (DateTimeOffset? time in (ReadOnlySpan<DateTimeOffset?>)[item.AvailableFrom, item.AvailableUntil])
            {
                since = time <= now && time > since ? time.Value : since;
                until = time > now && time < until ? time.Value : until;
            }
        }

        return new Availability(unavailable, since.ToUnixTimeMilliseconds(), until);
    }
}

/// <summary>
/// Follows the item store for one model. Changes to items of the model are applied at once, so that nothing hidden is returned.
/// New items are placed at once if there are few, otherwise by a background task; meanwhile, answers include those already placed.
/// </summary>
internal sealed class CatalogBuilder
{
    public const int PlacedAtOnce = 256; // number of items that a request places, which takes about 10 ms
    private const int LooseRows = 512; // from this number on, rows become an index of their own: comparing fewer is faster than indexing them
    private const int MaxParts = 8; // this many indexes are merged into one

    private readonly Lock _building = new();
    private readonly ModelSnapshot _model;
    private readonly int _firstRow; // V
    private readonly ConcurrentDictionary<EntityId, int> _newRows = new();
    private readonly Queue<EntityId> _order = new(); // ids of the waiting items
    private readonly Dictionary<EntityId, ItemRecord> _waiting = []; // records to be placed
    private readonly List<int> _limited = []; // new rows that are not always available
    private ServedCatalog _current;
    private ItemLog _source = ItemLog.Empty;
    private DateTimeOffset _now;
    private long _hash;
    private int _count; // N
    private CatalogItem[] _items = [];
    private float[] _embeddings = [];
    private ImmutableDictionary<int, CatalogItem> _changed = ImmutableDictionary<int, CatalogItem>.Empty;
    private ImmutableHashSet<int> _gone = [];
    private IVectorIndex _indexed; // the model's rows and all new ones except the last few
    private IVectorIndex _index; // all rows
    private int _parts; // number of parts in _indexed besides the model's
    private bool _isPlacing; // true while a background task places items

    public CatalogBuilder(ModelSnapshot model)
    {
        (_model, _firstRow, _indexed, _index) = (model, model.Catalog.Count, model.Index, model.Index);
        _current = Publish();
    }

    public ServedCatalog Extend(ItemLog log, DateTimeOffset now)
    {
        ServedCatalog known = Volatile.Read(ref _current);
        return known.Source.BeginsWith(log) && now < known.Availability.Until ? known : Build(log, now);
    }

    private ServedCatalog Build(ItemLog log, DateTimeOffset now)
    {
        lock (_building)
        {
            _now = now;
            if (!_source.BeginsWith(log))
            {
                Read(log);
            }

            if (_waiting.Count <= PlacedAtOnce)
            {
                Place();
            }
            else if (!_isPlacing)
            {
                _isPlacing = true;
                Task.Run(PlaceAll);
            }

            return Publish();
        }
    }

    // Step by step, so that a request never waits for all of them.
    private void PlaceAll()
    {
        for (bool isPlacing = true; isPlacing;)
        {
            lock (_building)
            {
                _isPlacing = false; // even if it fails; the next change tries again
                Place();
                Publish();
                isPlacing = _isPlacing = _waiting.Count > 0;
            }
        }
    }

    private void Read(ItemLog log)
    {
        int start = _source.Count;
        if (!log.BeginsWith(_source))
        {
            // A different log, of the items' current state: records that are not in it are no longer stored.
            HashSet<EntityId> stored = [.. log.Entries.Select(entry => entry.Id)];
            foreach (EntityId id in _newRows.Keys.Concat(_waiting.Keys).Where(id => !stored.Contains(id)).ToArray())
            {
                Remove(id);
            }

            _changed = _changed.RemoveRange(_changed.Keys.Where(row => row < _firstRow));
            _gone = _gone.Except(_gone.Where(row => row < _firstRow));
            (_hash, start) = (0, 0);
        }

        foreach (StoredItem entry in log.Entries[start..])
        {
            _hash ^= entry.HashChange;
            if (_model.Catalog.TryFind(entry.Id, out int known))
            {
                bool isDeleted = entry.Record is { IsDeleted: true };
                _gone = isDeleted ? _gone.Add(known) : _gone.Remove(known);
                _changed = entry.Record is null || isDeleted ? _changed.Remove(known) : _changed.SetItem(known, entry.Record.Apply(_model.Catalog.Items[known]));
            }
            else if (entry.Record is not { IsDeleted: false } record)
            {
                Remove(entry.Id);
            }
            else if (_newRows.TryGetValue(entry.Id, out int row) && ToNewItem(record, row) is { } item && IsPlacedAlike(item, _items[row - _firstRow]))
            {
                _changed = _changed.SetItem(row, item);
            }
            else if (_model.ContentMap is not null)
            {
                Remove(entry.Id);
                _waiting[entry.Id] = record;
                _order.Enqueue(entry.Id);
            }
        }

        _source = log;
    }

    private void Remove(EntityId id)
    {
        _waiting.Remove(id);
        if (_newRows.TryRemove(id, out int row))
        {
            (_gone, _changed) = (_gone.Add(row), _changed.Remove(row));
        }
    }

    private void Place()
    {
        int dimension = _model.Index.Dimension;
        for (int placed = 0; placed < PlacedAtOnce && _order.TryDequeue(out EntityId id);)
        {
            if (!_waiting.Remove(id, out ItemRecord? record))
            {
                continue; // removed in the meantime, or a duplicate
            }

            if (_count == _items.Length)
            {
                Array.Resize(ref _items, Math.Max(16, 2 * _count));
                Array.Resize(ref _embeddings, _items.Length * dimension);
            }

            int row = _firstRow + _count;
            CatalogItem item = _items[_count] = ToNewItem(record, row);
            _model.ContentMap!.Embed(item).CopyTo(_embeddings, _count * dimension);
            _newRows[id] = row;
            if (IsLimited(item))
            {
                _limited.Add(row);
            }

            _count++;
            placed++;
        }

        ExtendedIndex Extend(IVectorIndex first) // adds all rows that are not in it
        {
            int start = first.Count - _firstRow;
            return ExtendedIndex.Add(first, _embeddings.AsMemory(start * dimension, (_count - start) * dimension));
        }

        int rows = _firstRow + _count;
        if (rows - _indexed.Count >= LooseRows)
        {
            (_indexed, _parts) = _parts < MaxParts ? (Extend(_indexed), _parts + 1) : (Extend(_model.Index), 1);
        }

        _index = _index.Count == rows ? _index : _indexed.Count == rows ? _indexed : Extend(_indexed);
    }

    private ServedCatalog Publish()
    {
        CatalogItem ItemAt(int row) => _changed.TryGetValue(row, out CatalogItem? changed) ? changed : row < _firstRow ? _model.Catalog.Items[row] : _items[row - _firstRow];
        IEnumerable<(int, CatalogItem)> limited = _model.Limited.Concat(_limited).Concat(_changed.Keys).Distinct().Select(row => (row, ItemAt(row)));
        var next = new ServedCatalog
        {
            Model = _model,
            Index = _index,
            Source = _source,
            Hash = _hash ^ (_waiting.Count * unchecked((long)0x9E3779B97F4A7C15)),
            NewItems = _items,
            NewEmbeddings = _embeddings,
            NewRows = _newRows,
            Changed = _changed,
            Gone = _gone,
            Availability = Availability.At(limited, _gone, _index.Count, _now),
        };
        Volatile.Write(ref _current, next);
        return next;
    }

    public static bool IsLimited(CatalogItem item) => item.Hidden || item.AvailableFrom is not null || item.AvailableUntil is not null;

    private static bool IsPlacedAlike(CatalogItem item, CatalogItem placed) =>
        item.Title == placed.Title && item.Categories.SequenceEqual(placed.Categories) && item.Attributes.Count == placed.Attributes.Count
        && item.Attributes.All(attribute => placed.Attributes.TryGetValue(attribute.Key, out AttributeValue value) && value == attribute.Value);

    // The model's features identify a category by its spelling.
    private CatalogItem ToNewItem(ItemRecord record, int row)
    {
        CatalogItem item = record.Apply();
        string[] categories = [.. item.Categories.Select(category => _model.Attributes.Spelling(AttributeTable.Categories, category)).Distinct()];
        return item with { Index = row, Id = _model.Catalog.Ids.Typed(item.Id), Categories = categories };
    }
}

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
