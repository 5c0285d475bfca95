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
    private static readonly ParquetSchema Schema = new(User, Item, Rating, Time);

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
}
