using NanoRecSys.Core.Onnx;

namespace NanoRecSys.Core.Features;

/// <summary>
/// The ranker's content inputs, computed from the catalog in the same way for training and for serving.
/// </summary>
internal sealed class ItemFeatures
{
    private const long MostFlags = 1 << 24; // 64 MB

    private readonly CategoryColumns _columns;
    private readonly float[] _popularity; // [V]
    private readonly int[] _buckets; // [V, N]
    private readonly float[] _positions; // [V, N]
    private readonly long[] _starts; // [V + 1]
    private readonly int[] _filled; // category columns of item i: [_starts[i].._starts[i + 1]]
    private readonly float[]? _flags; // [V, G], 1 if the item has the category; null if that would be too large

    /// <param name="catalog">V items with their interaction counts.</param>
    /// <param name="layout">Which item data is read; its order is part of a trained ranker.</param>
    public ItemFeatures(Catalog catalog, ItemLayout layout)
    {
        Layout = layout;
        _columns = new CategoryColumns(layout.Categories);
        _popularity = new float[catalog.Count];
        _buckets = new int[catalog.Count * layout.Numbers.Count];
        _positions = new float[_buckets.Length];
        _starts = new long[catalog.Count + 1];
        float logMax = MathF.Log(1 + catalog.MostInteractions);
        TypicalCount = TypicalCountOf(catalog);
        TypicalPopularity = logMax > 0 ? MathF.Log(1 + TypicalCount) / logMax : 0;
        var filled = new List<int>();
        foreach (CatalogItem item in catalog.Items)
        {
            _popularity[item.Index] = logMax > 0 ? MathF.Log(1 + item.Count) / logMax : 0;
            for (int n = 0; n < layout.Numbers.Count; n++)
            {
                double value = layout.Numbers[n].ValueOf(item);
                _buckets[item.Index * layout.Numbers.Count + n] = layout.Numbers[n].BucketOf(value);
                _positions[item.Index * layout.Numbers.Count + n] = layout.Numbers[n].PositionOf(value);
            }

            filled.AddRange(_columns.Of(item).Select(feature => feature.Column));
            _starts[item.Index + 1] = filled.Count;
        }

        _filled = [.. filled];
        if ((long)catalog.Count * layout.Categories.Count <= MostFlags)
        {
            _flags = new float[catalog.Count * layout.Categories.Count];
            for (int row = 0; row < catalog.Count; row++)
            {
                Flag(row, _flags.AsSpan(row * layout.Categories.Count));
            }
        }
    }

    public ItemLayout Layout { get; }
    public int Count => _popularity.Length; // V
    public ReadOnlySpan<float> Popularity => _popularity; // [V] log(1 + count) / log(1 + largest count), in 0..1

    /// <summary>
    /// The popularity assumed for a new item: the popularity of the item in an average interaction. A new item's own popularity, 0,
    /// would suggest that nobody wants it, although nobody could have had it.
    /// </summary>
    public float TypicalPopularity { get; }

    public int TypicalCount { get; } // the count that corresponds to TypicalPopularity
    public ReadOnlySpan<int> Buckets => _buckets; // [V, N] see BucketOf
    public float[]? Flags => _flags; // [V, G] see CategoriesOf; null if that would be too large

    /// <summary>[N] see <see cref="NumberLayout.PositionOf"/>.</summary>
    public ReadOnlySpan<float> PositionsOf(int row) => _positions.AsSpan(row * Layout.Numbers.Count, Layout.Numbers.Count);

    /// <param name="scratch">[G] may be overwritten.</param>
    /// <returns>[G] 1 if the item has the category, otherwise 0.</returns>
    public ReadOnlySpan<float> CategoriesOf(int row, Span<float> scratch)
    {
        if (_flags is not null)
        {
            return _flags.AsSpan(row * Layout.Categories.Count, Layout.Categories.Count);
        }

        scratch.Clear();
        Flag(row, scratch);
        return scratch;
    }

    /// <summary>The same for an item that is not in the catalog; categories that are not in the layout are left out.</summary>
    /// <param name="flags">[G] set to 1 if the item has the category, otherwise to 0.</param>
    public void Flag(CatalogItem item, Span<float> flags)
    {
        flags.Clear();
        foreach (ContentFeature feature in _columns.Of(item))
        {
            flags[feature.Column] = 1;
        }
    }

    /// <summary>The ranker's inputs for trained items.</summary>
    /// <param name="rows">[C]</param>
    /// <param name="embeddings">[C, D] embeddings of the rows.</param>
    public RankerItems Read(int[] rows, float[] embeddings)
    {
        var flags = new float[rows.Length * Layout.Categories.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            Span<float> own = flags.AsSpan(i * Layout.Categories.Count, Layout.Categories.Count);
            CategoriesOf(rows[i], own).CopyTo(own);
        }

        return new RankerItems(
            embeddings, Array.ConvertAll(rows, row => _popularity[row]),
            [.. Enumerable.Range(0, Layout.Numbers.Count).Select(n => Array.ConvertAll(rows, row => (long)_buckets[row * Layout.Numbers.Count + n]))],
            flags, new float[rows.Length]);
    }

    /// <summary>The ranker's inputs for an item that was never trained.</summary>
    public RankerItems ReadNew(CatalogItem item, int dimension)
    {
        var flags = new float[Layout.Categories.Count];
        Flag(item, flags);
        return new RankerItems(
            new float[dimension], [TypicalPopularity], [.. Layout.Numbers.Select(number => new[] { (long)number.BucketOf(number.ValueOf(item)) })], flags, Unknown: [1]);
    }

    private void Flag(int row, Span<float> flags)
    {
        for (long i = _starts[row]; i < _starts[row + 1]; i++)
        {
            flags[_filled[i]] = 1;
        }
    }

    // The mean of the logarithm over interactions, not items, because most items have few interactions.
    private static int TypicalCountOf(Catalog catalog)
    {
        double interactions = catalog.Items.Sum(item => (double)item.Count);
        return interactions > 0 ? (int)Math.Round(Math.Exp(catalog.Items.Sum(item => item.Count * Math.Log(1 + item.Count)) / interactions) - 1) : 0;
    }
}
