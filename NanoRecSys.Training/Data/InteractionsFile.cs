using Parquet;
using Parquet.Schema;

namespace NanoRecSys.Training.Data;

/// <summary>
/// <c>interactions.parquet</c>: user id, item row, rating and timestamp, sorted by user and then by time.
/// </summary>
public static class InteractionsFile
{
    private const int RowsPerGroup = 1 << 20;
    private static readonly DataField<int> User = new("user");
    private static readonly DataField<int> Item = new("item");
    private static readonly DataField<float> Rating = new("rating");
    private static readonly DataField<long> Time = new("timestamp");
    private static readonly ParquetSchema Schema = new(User, Item, Rating, Time); // Reading needs the fields attached to it, too.

    public static async Task WriteAsync(string path, InteractionTable interactions, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(interactions);
        await using FileStream file = File.Create(path);
        await using ParquetWriter writer = await ParquetWriter.CreateAsync(Schema, file, cancellationToken: cancellation);
        for (int start = 0; start < interactions.Count; start += RowsPerGroup)
        {
            var (users, items, ratings, times) = interactions.Slice(start, Math.Min(RowsPerGroup, interactions.Count - start));
            using ParquetRowGroupWriter group = writer.CreateRowGroup();
            await group.WriteAsync<int>(User, users, cancellationToken: cancellation);
            await group.WriteAsync<int>(Item, items, cancellationToken: cancellation);
            await group.WriteAsync<float>(Rating, ratings, cancellationToken: cancellation);
            await group.WriteAsync<long>(Time, times, cancellationToken: cancellation);
        }
    }

    /// <summary>The two columns that make histories.</summary>
    /// <returns>[rows] user ids, ascending, and [rows] item rows.</returns>
    public static async Task<(int[] Users, int[] Items)> ReadAsync(string path, CancellationToken cancellation)
    {
        await using ParquetReader reader = await ParquetReader.CreateAsync(path, cancellationToken: cancellation);
        long rows = 0;
        for (int g = 0; g < reader.RowGroupCount; g++)
        {
            rows += reader.RowGroups[g].RowCount;
        }

        int[] users = new int[rows];
        int[] items = new int[rows];
        int start = 0;
        for (int g = 0; g < reader.RowGroupCount; g++)
        {
            using ParquetRowGroupReader group = reader.OpenRowGroupReader(g);
            int count = (int)group.RowCount;
            await group.ReadAsync(User, users.AsMemory(start, count), cancellationToken: cancellation);
            await group.ReadAsync(Item, items.AsMemory(start, count), cancellationToken: cancellation);
            start += count;
        }

        return (users, items);
    }
}
