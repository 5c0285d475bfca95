using Parquet;
using Parquet.Schema;

namespace NanoRecSys.Training.Ranking;

/// <summary>Reads mined positions group by group, in any order, with the memory of one group.</summary>
internal sealed class NegativesReader : IAsyncDisposable
{
    private readonly ParquetReader _parquet;

    private NegativesReader(ParquetReader parquet) => _parquet = parquet;

    public IReadOnlyDictionary<string, string> MadeOf => _parquet.CustomMetadata ?? new Dictionary<string, string>();

    public int Groups => _parquet.RowGroupCount;

    public static async Task<NegativesReader> OpenAsync(string path, CancellationToken cancellation)
    {
        UserErrorException.ThrowIf(!File.Exists(path), $"There is no {path}. Run 'mine-negatives' first, with the same --data and --artifacts.");

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

/// <summary>Writes mined positions group by group, without keeping written groups in memory.</summary>
internal sealed class NegativesWriter : IAsyncDisposable
{
    /// <summary>Positions per row group: about 20 MB at 256 dimensions.</summary>
    public const int PositionsPerGroup = 1 << 14;

    private readonly FileStream _file;
    private readonly ParquetWriter _parquet;
    private readonly List<MinedPosition> _pending = new(PositionsPerGroup);

    private NegativesWriter(FileStream file, ParquetWriter parquet) => (_file, _parquet) = (file, parquet);

    public long Candidates { get; private set; }

    public static async Task<NegativesWriter> CreateAsync(string path, IReadOnlyDictionary<string, string> madeOf, CancellationToken cancellation)
    {
        FileStream file = File.Create(path);
        ParquetWriter parquet = await ParquetWriter.CreateAsync(NegativesColumns.Schema, file, cancellationToken: cancellation);
        parquet.CustomMetadata = madeOf;
        return new NegativesWriter(file, parquet);
    }

    public async ValueTask AddAsync(MinedPosition position, CancellationToken cancellation)
    {
        _pending.Add(position);
        Candidates += position.Items.Length;
        if (_pending.Count == PositionsPerGroup)
        {
            await FlushAsync(cancellation);
        }
    }

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

/// <summary>The columns of <c>negatives.parquet</c>: one row per position, its candidates in lists of equal length.</summary>
internal static class NegativesColumns
{
    public static readonly DataField<int> User = new("user");
    public static readonly DataField<int> Position = new("position");
    public static readonly DataField Embedding = new("embedding", typeof(float), isNullable: false, isArray: true);
    public static readonly DataField Items = new("items", typeof(int), isNullable: false, isArray: true);
    public static readonly DataField Kinds = new("kinds", typeof(int), isNullable: false, isArray: true);
    public static readonly DataField Cosines = new("cosines", typeof(float), isNullable: false, isArray: true);

    public static readonly ParquetSchema Schema = new(User, Position, Embedding, Items, Kinds, Cosines);
}

internal enum CandidateKind
{
    Positive = 0,
    Hard = 1,
    Random = 2,
}

/// <summary>A position in a user's history with its candidates: the actual item and negatives.</summary>
/// <param name="Position">Position in the user's history to predict; earlier items are known.</param>
/// <param name="Embedding">[D] the user's embedding at that position, of length 1.</param>
/// <param name="Items">[C] rows of the candidates, the actual item first.</param>
/// <param name="Kinds">[C] only the first is a <see cref="CandidateKind.Positive"/>.</param>
/// <param name="Cosines">[C] the retriever's scores.</param>
internal sealed record MinedPosition(int User, int Position, float[] Embedding, int[] Items, CandidateKind[] Kinds, float[] Cosines);
