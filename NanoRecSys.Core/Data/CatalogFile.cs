using Parquet.Serialization;

namespace NanoRecSys.Core.Data;

/// <summary>Reads and writes <c>catalog.parquet</c>: index, movie id, title, year, genres, count.</summary>
public static class CatalogFile
{
    public static async Task WriteAsync(string path, Catalog catalog, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(catalog);
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
