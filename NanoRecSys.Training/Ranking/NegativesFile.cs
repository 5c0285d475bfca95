using Parquet;
using Parquet.Schema;

namespace NanoRecSys.Training.Ranking;

/// <summary>Where a candidate of the ranker's training came from.</summary>
public enum CandidateKind
{
    Positive = 0,
    Hard = 1,
    Random = 2,
}

/// <summary>One candidate for what a user did next.</summary>
/// <param name="User">Position in the histories.</param>
/// <param name="Position">Place in the user's history that is to be predicted; what precedes it is known.</param>
/// <param name="Item">Row of the candidate.</param>
/// <param name="Kind">Only a <see cref="CandidateKind.Positive"/> is what came.</param>
/// <param name="IsValidation">The held-out validation item's position, which never trains.</param>
public readonly record struct MinedCandidate(int User, int Position, int Item, CandidateKind Kind, bool IsValidation);

/// <summary><c>negatives.parquet</c>: one row per candidate, the candidates of a position together.</summary>
public sealed class NegativesFile : IAsyncDisposable
{
    private static readonly DataField<int> User = new("user");
    private static readonly DataField<int> Position = new("position");
    private static readonly DataField<int> Item = new("item");
    private static readonly DataField<int> Kind = new("kind");
    private static readonly DataField<int> Validation = new("validation");
    private static readonly ParquetSchema Schema = new(User, Position, Item, Kind, Validation);

    private readonly FileStream _file;
    private readonly ParquetWriter _writer;

    private NegativesFile(FileStream file, ParquetWriter writer)
    {
        _file = file;
        _writer = writer;
    }

    public static async Task<NegativesFile> CreateAsync(string path, CancellationToken cancellation)
    {
        FileStream file = File.Create(path);
        return new NegativesFile(file, await ParquetWriter.CreateAsync(Schema, file, cancellationToken: cancellation));
    }

    /// <summary>Appends one row group.</summary>
    public async Task WriteAsync(IReadOnlyList<MinedCandidate> candidates, CancellationToken cancellation)
    {
        using ParquetRowGroupWriter group = _writer.CreateRowGroup();
        await group.WriteAsync<int>(User, Column(c => c.User), cancellationToken: cancellation);
        await group.WriteAsync<int>(Position, Column(c => c.Position), cancellationToken: cancellation);
        await group.WriteAsync<int>(Item, Column(c => c.Item), cancellationToken: cancellation);
        await group.WriteAsync<int>(Kind, Column(c => (int)c.Kind), cancellationToken: cancellation);
        await group.WriteAsync<int>(Validation, Column(c => c.IsValidation ? 1 : 0), cancellationToken: cancellation);

        int[] Column(Func<MinedCandidate, int> value) => [.. candidates.Select(value)];
    }

    public static async Task<MinedCandidate[]> ReadAsync(string path, CancellationToken cancellation)
    {
        await using ParquetReader reader = await ParquetReader.CreateAsync(path, cancellationToken: cancellation);
        var all = new List<MinedCandidate>();
        for (int g = 0; g < reader.RowGroupCount; g++)
        {
            using ParquetRowGroupReader group = reader.OpenRowGroupReader(g);
            int count = (int)group.RowCount;
            int[] users = new int[count], positions = new int[count], items = new int[count], kinds = new int[count], validation = new int[count];
            await group.ReadAsync(User, users.AsMemory(), cancellationToken: cancellation);
            await group.ReadAsync(Position, positions.AsMemory(), cancellationToken: cancellation);
            await group.ReadAsync(Item, items.AsMemory(), cancellationToken: cancellation);
            await group.ReadAsync(Kind, kinds.AsMemory(), cancellationToken: cancellation);
            await group.ReadAsync(Validation, validation.AsMemory(), cancellationToken: cancellation);
            for (int i = 0; i < count; i++)
            {
                all.Add(new MinedCandidate(users[i], positions[i], items[i], (CandidateKind)kinds[i], validation[i] != 0));
            }
        }

        return [.. all];
    }

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await _file.DisposeAsync();
    }
}
