using NanoRecSys.Training.Pipeline;
using Parquet;
using Parquet.Schema;

namespace NanoRecSys.Training.Ranking;

/// <summary>Reads mined positions group by group, in any order: as much memory as one group needs.</summary>
public sealed class NegativesReader : IAsyncDisposable
{
    private readonly ParquetReader _parquet;

    private NegativesReader(ParquetReader parquet) => _parquet = parquet;

    public int Groups => _parquet.RowGroupCount;

    /// <exception cref="UserErrorException">Nothing was mined, or by another program.</exception>
    public static async Task<NegativesReader> OpenAsync(string path, CancellationToken cancellation)
    {
        if (!File.Exists(path))
        {
            throw new UserErrorException($"There is no {path}. Run 'mine-negatives' first, with the same --data and --artifacts.");
        }

        try
        {
            ParquetReader parquet = await ParquetReader.CreateAsync(path, cancellationToken: cancellation);
            string[] missing = [.. NegativesColumns.Schema.DataFields.Select(field => field.Name).Except(parquet.Schema.DataFields.Select(field => field.Name))];
            return missing.Length == 0
                ? new NegativesReader(parquet)
                : throw new InvalidDataException($"it has no column {string.Join(", ", missing)}");
        }
        catch (Exception e) when (e is InvalidDataException or IOException)
        {
            throw new UserErrorException($"{path} cannot be read: {e.Message}. Run 'mine-negatives' again.", e);
        }
    }

    public async Task<IReadOnlyList<MinedPosition>> ReadAsync(int index, CancellationToken cancellation)
    {
        using ParquetRowGroupReader group = _parquet.OpenRowGroupReader(index);
        int positions = (int)group.RowCount;
        var users = new int[positions];
        var places = new int[positions];
        await group.ReadAsync(NegativesColumns.User, users.AsMemory(), cancellationToken: cancellation);
        await group.ReadAsync(NegativesColumns.Position, places.AsMemory(), cancellationToken: cancellation);
        float[][] embeddings = await ReadListsAsync<float>(group, NegativesColumns.Embedding, positions, cancellation);
        int[][] items = await ReadListsAsync<int>(group, NegativesColumns.Items, positions, cancellation);
        int[][] kinds = await ReadListsAsync<int>(group, NegativesColumns.Kinds, positions, cancellation);
        float[][] cosines = await ReadListsAsync<float>(group, NegativesColumns.Cosines, positions, cancellation);
        return [.. Enumerable.Range(0, positions).Select(i => new MinedPosition(
            users[i], places[i], embeddings[i], items[i], Array.ConvertAll(kinds[i], kind => (CandidateKind)kind), cosines[i]))];
    }

    public ValueTask DisposeAsync() => _parquet.DisposeAsync();

    private static async Task<T[][]> ReadListsAsync<T>(ParquetRowGroupReader group, DataField field, int lists, CancellationToken cancellation)
        where T : struct
    {
        int count = (int)group.GetMetadata(field)!.MetaData!.NumValues;
        var values = new T[count];
        var levels = new int[count];
        await group.ReadRawAsync<T>(field, values.AsMemory(), new int[count].AsMemory(), levels.AsMemory(), cancellation);
        var read = new T[lists][];
        for (int list = 0, start = 0; list < lists; list++)
        {
            int end = start + 1;
            while (end < count && levels[end] != 0)
            {
                end++;
            }

            read[list] = values[start..end];
            start = end;
        }

        return read;
    }
}
