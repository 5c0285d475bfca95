using System.Collections.Frozen;
using NanoRecSys.Core.Contracts;
using Parquet.Serialization;

namespace NanoRecSys.Core.Data;

/// <summary>All items, addressable by row and by movie id.</summary>
internal sealed class Catalog
{
    private readonly FrozenDictionary<int, int> _rowOfMovie;

    /// <param name="items">In row order: <c>items[i].Index == i</c>.</param>
    /// <exception cref="ArgumentException">Rows out of order, or a movie id given twice.</exception>
    public Catalog(IReadOnlyList<CatalogItem> items)
    {
        var rows = new Dictionary<int, int>(items.Count);
        for (int i = 0; i < items.Count; i++)
        {
            if (items[i].Index != i)
            {
                throw new ArgumentException($"Catalog row {i} holds item index {items[i].Index}; rows must be in index order.", nameof(items));
            }

            if (!rows.TryAdd(items[i].MovieId, i))
            {
                throw new ArgumentException($"Movie id {items[i].MovieId} is in the catalog twice (rows {rows[items[i].MovieId]} and {i}).", nameof(items));
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

/// <summary>What is known of one item.</summary>
/// <param name="Index">Row of the item table.</param>
/// <param name="MovieId">The data set's movie id.</param>
/// <param name="Title">In reading order, without the year; the id as text where the data has no titles.</param>
/// <param name="Year">Year of release, if known.</param>
/// <param name="Genres">In the order of the file; empty where unknown.</param>
/// <param name="Count">Interactions in the histories that are served with this catalog.</param>
internal sealed record CatalogItem(int Index, int MovieId, string Title, int? Year, IReadOnlyList<string> Genres, int Count)
{
    /// <summary>As answers show it.</summary>
    public MovieInfo ToMovieInfo() => new(MovieId, Title, Year, Genres);
}

/// <summary>Reads and writes <c>catalog.parquet</c>: index, movie id, title, year, genres, count.</summary>
internal static class CatalogFile
{
    public static async Task WriteAsync(string path, Catalog catalog, CancellationToken cancellationToken = default)
    {
        IEnumerable<Row> rows = catalog.Items.Select(item => new Row
        {
            index = item.Index,
            movie_id = item.MovieId,
            title = item.Title,
            year = item.Year,
            genres = [.. item.Genres],
            count = item.Count,
        });
        await ParquetSerializer.SerializeAsync(rows, path, cancellationToken: cancellationToken);
    }

    public static async Task<Catalog> ReadAsync(string path, CancellationToken cancellationToken = default)
    {
        DeserializationResult<Row> rows = await ParquetSerializer.DeserializeAsync<Row>(path, cancellationToken: cancellationToken);
        return new Catalog([.. rows.Data.Select(row =>
            new CatalogItem(row.index, row.movie_id, row.title, row.year, row.genres, row.count))]);
    }

    // Parquet.Net takes the columns' names from the properties.
#pragma warning disable IDE1006 // Naming: snake_case is the file's contract.
    private sealed class Row
    {
        public int index { get; set; }
        public int movie_id { get; set; }
        public string title { get; set; } = "";
        public int? year { get; set; }
        public List<string> genres { get; set; } = [];
        public int count { get; set; }
    }
#pragma warning restore IDE1006
}

/// <summary>A movie's id in the data set (<c>movieId</c> of MovieLens). Outside the model, movies go by this.</summary>
internal readonly record struct ItemId(int Value);

/// <summary>A row of the item table, 0-based, in order of first appearance in the ratings file.</summary>
internal readonly record struct ItemIndex(int Value)
{
    public ItemToken ToToken() => new(Value + 1);
}

/// <summary>What the user tower reads: 0 is padding, an item is its <see cref="ItemIndex"/> plus one.</summary>
internal readonly record struct ItemToken(int Value)
{
    public static readonly ItemToken Padding = new(0);

    public ItemIndex ToIndex() => Value > 0
        ? new ItemIndex(Value - 1)
        : throw new InvalidOperationException("The padding token has no item.");
}
