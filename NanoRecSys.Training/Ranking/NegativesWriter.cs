using Parquet;
using Parquet.Schema;

namespace NanoRecSys.Training.Ranking;

/// <summary>Writes mined positions group by group: what was written is not held any more.</summary>
public sealed class NegativesWriter : IAsyncDisposable
{
    /// <summary>Of one row group: about 20 MB at 256 dimensions.</summary>
    public const int PositionsPerGroup = 1 << 14;

    private readonly FileStream _file;
    private readonly ParquetWriter _parquet;
    private readonly List<MinedPosition> _pending = new(PositionsPerGroup);

    private NegativesWriter(FileStream file, ParquetWriter parquet) => (_file, _parquet) = (file, parquet);

    /// <summary>Candidates written in all.</summary>
    public long Candidates { get; private set; }

    public static async Task<NegativesWriter> CreateAsync(string path, CancellationToken cancellation)
    {
        FileStream file = File.Create(path);
        return new NegativesWriter(file, await ParquetWriter.CreateAsync(NegativesColumns.Schema, file, cancellationToken: cancellation));
    }

    /// <summary>Takes a position, and writes a group when there are enough.</summary>
    public async ValueTask AddAsync(MinedPosition position, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(position);
        _pending.Add(position);
        Candidates += position.Items.Length;
        if (_pending.Count == PositionsPerGroup)
        {
            await FlushAsync(cancellation);
        }
    }

    /// <summary>Writes what is left.</summary>
    public async ValueTask FlushAsync(CancellationToken cancellation)
    {
        if (_pending.Count == 0)
        {
            return;
        }

        using ParquetRowGroupWriter group = _parquet.CreateRowGroup();
        await group.WriteAsync<int>(NegativesColumns.User, _pending.Select(mined => mined.User).ToArray(), cancellationToken: cancellation);
        await group.WriteAsync<int>(NegativesColumns.Position, _pending.Select(mined => mined.Position).ToArray(), cancellationToken: cancellation);
        await WriteListsAsync(group, NegativesColumns.Embedding, mined => mined.Embedding, cancellation);
        await WriteListsAsync(group, NegativesColumns.Items, mined => mined.Items, cancellation);
        await WriteListsAsync(group, NegativesColumns.Kinds, mined => Array.ConvertAll(mined.Kinds, kind => (int)kind), cancellation);
        await WriteListsAsync(group, NegativesColumns.Cosines, mined => mined.Cosines, cancellation);
        _pending.Clear();
    }

    public async ValueTask DisposeAsync()
    {
        await _parquet.DisposeAsync();
        await _file.DisposeAsync();
    }

    private async Task WriteListsAsync<T>(ParquetRowGroupWriter group, DataField field, Func<MinedPosition, T[]> list, CancellationToken cancellation)
        where T : struct
    {
        T[][] lists = [.. _pending.Select(list)];
        int[] levels = [.. lists.SelectMany(values => values.Select((_, place) => place == 0 ? 0 : 1))]; // 0 begins a new list
        await group.WriteAsync<T>(field, lists.SelectMany(values => values).ToArray(), levels, cancellationToken: cancellation);
    }
}
