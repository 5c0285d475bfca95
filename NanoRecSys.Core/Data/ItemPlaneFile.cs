using Parquet.Serialization;

namespace NanoRecSys.Core.Data;

/// <summary>Reads and writes <c>item_map_2d.parquet</c>: index, x, y; both within -1..1.</summary>
public static class ItemPlaneFile
{
    /// <param name="path">File to write.</param>
    /// <param name="places">[V, 2], row-major.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    public static async Task WriteAsync(string path, float[] places, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(places);
        IEnumerable<Row> rows = Enumerable.Range(0, places.Length / 2).Select(i => new Row { index = i, x = places[2 * i], y = places[2 * i + 1] });
        await ParquetSerializer.SerializeAsync(rows, path, cancellationToken: cancellationToken);
    }

    /// <returns>[V, 2], row-major.</returns>
    /// <exception cref="InvalidDataException">Rows are missing or out of order.</exception>
    public static async Task<float[]> ReadAsync(string path, CancellationToken cancellationToken = default)
    {
        DeserializationResult<Row> rows = await ParquetSerializer.DeserializeAsync<Row>(path, cancellationToken: cancellationToken);
        var places = new float[rows.Data.Count * 2];
        for (int i = 0; i < rows.Data.Count; i++)
        {
            if (rows.Data[i].index != i)
            {
                throw new InvalidDataException($"{path}: row {i} holds item {rows.Data[i].index}; rows must be in index order.");
            }

            (places[2 * i], places[2 * i + 1]) = (rows.Data[i].x, rows.Data[i].y);
        }

        return places;
    }

    // Parquet.Net takes the columns' names from the properties.
#pragma warning disable IDE1006 // Naming: snake_case is the file's contract.
    private sealed class Row
    {
        public int index { get; set; }
        public float x { get; set; }
        public float y { get; set; }
    }
#pragma warning restore IDE1006
}
