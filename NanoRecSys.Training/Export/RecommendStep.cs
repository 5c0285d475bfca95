using System.Security.Cryptography;
using DuckDB.NET.Data;
using NanoRecSys.Core.Events;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.Training.Export;

/// <summary>Recommends to many users at once from a published version, with the API's answers for users without stored events.</summary>
internal static class RecommendStep
{
    public const string AllUsers = "all";

    private const int UsersAtOnce = 512; // as many are recomputed after an interruption

    /// <exception cref="UserErrorException">No such version, no such users, or a file that cannot be written.</exception>
    public static async Task<RecommendSummary> RunAsync(RecommendOptions options, StepContext context)
    {
        var watch = Stopwatch.StartNew();
        ArtifactStore store = context.Workspace.Store;
        string name = options.Version ?? store.ReadPinned() ?? store.ReadCurrent()
            ?? throw new UserErrorException($"There is no published version in {store.Root}. Train one with 'run', or set --artifacts.");
        ArtifactVersion version = store.Open(name);
        IdTable known = HistoriesFile.Read(version.Folder).Users;
        (int[] users, int unknown) = Find(options.Users, known, name, context.Progress);
        using var output = BatchFile.Open(options.Output, $"{name} {options.K} {Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes<int>(users)))}");
        if (output.Done > 0)
        {
            context.Progress.Report(new ProgressEvent { Message = $"Continuing after {output.Done:N0} users." });
        }

        ModelSnapshot model = await ModelReader.ReadAsync(
            version, version.Folder, new ModelReaderOptions { UserTower = output.Precision ?? UserTowerPrecision.Auto }, context.Cancellation);
        try
        {
            output.Begin(model);
            Recommend(model, users, options.K, output, context);
            context.Progress.Report(new ProgressEvent { Fraction = 1, Detail = $"writing {options.Output}" });
            output.Complete();
        }
        finally
        {
            model.ReleaseLease();
        }

        return new RecommendSummary(name, users.Length, unknown, Path.GetFullPath(options.Output), watch.Elapsed.TotalSeconds);
    }

    private static void Recommend(ModelSnapshot model, int[] users, int k, BatchFile output, StepContext context)
    {
        ServedCatalog catalog = model.Extend(ItemLog.Empty, DateTimeOffset.UtcNow);
        var request = new RecommendationRequest { K = k };
        var threads = new ParallelOptions { CancellationToken = context.Cancellation, MaxDegreeOfParallelism = context.Threads };
        double resumedAt = (double)output.Done / users.Length;
        while (output.Done < users.Length)
        {
            int[] some = users[output.Done..Math.Min(users.Length, output.Done + UsersAtOnce)];
            var lists = new Candidate[some.Length][];
            Parallel.For(0, some.Length, threads, i =>
            {
                History history = HistoryReader.ReadUser(catalog, model.Histories.Users[some[i]], UserEvents.None);
                lists[i] = Recommender.Recommend(catalog, history, request, ListRules.None);
            });
            output.Append(model, some, lists);
            context.Progress.Report(new ProgressEvent
            {
                Fraction = (double)output.Done / users.Length,
                ResumedAt = resumedAt,
                Detail = $"{output.Done:N0} of {users.Length:N0} users",
            });
        }
    }

    // Positions in the version's histories, each once.
    private static (int[] Users, int Unknown) Find(string source, IdTable known, string version, IProgress<ProgressEvent> progress)
    {
        if (source == AllUsers)
        {
            return ([.. Enumerable.Range(0, known.Count)], 0);
        }

        string[] lines = File.Exists(source) ? File.ReadAllLines(source)
            : throw new UserErrorException($"--users {source}: there is no such file. Set it to {AllUsers}, or to a file with one user id per line.");
        var users = new List<int>(lines.Length);
        var unknown = new List<int>();
        for (int i = 0; i < lines.Length; i++)
        {
            if (EntityId.TryParse(lines[i].Trim(), out EntityId id) && known.TryFind(id, out int position))
            {
                users.Add(position);
            }
            else if (lines[i].Trim() is not "" && !(i == 0 && lines[i].Trim() is "user_id" or "userId"))
            {
                unknown.Add(i);
            }
        }

        string first = unknown.Count == 0 ? "" : $"The first is '{lines[unknown[0]].Trim()}' in line {unknown[0] + 1:N0}.";
        if (users.Count == 0)
        {
            throw new UserErrorException($"{source} names no user of version {version}. {first}".Trim());
        }

        if (unknown.Count > 0)
        {
            progress.Report(new ProgressEvent { Message = $"{unknown.Count:N0} lines of {source} name no user of version {version} and are left out. {first}" });
        }

        return ([.. users.Distinct()], unknown.Count);
    }
}

internal sealed record RecommendOptions
{
    /// <summary><see cref="RecommendStep.AllUsers"/>, or a file with one id per line.</summary>
    public string Users { get; init; } = RecommendStep.AllUsers;

    public int K { get; init; } = RecommendationRequest.DefaultK;

    /// <summary>Its extension determines the format.</summary>
    public required string Output { get; init; }

    /// <summary>Null for the served version.</summary>
    public string? Version { get; init; }
}

/// <param name="Version">Version that made the recommendations.</param>
/// <param name="Users">Users in the file.</param>
/// <param name="Unknown">Lines without a user of the version.</param>
/// <param name="Seconds">Of this attempt.</param>
internal sealed record RecommendSummary(string Version, int Users, int Unknown, string Output, double Seconds);

/// <summary>
/// The output of a batch, in rows of <c>user_id</c>, <c>rank</c>, <c>item_id</c> and <c>score</c>. Until it is complete, a database next to it keeps
/// the finished part; a kill loses at most the last batch.
/// </summary>
internal sealed class BatchFile : IDisposable
{
    private readonly string _path;
    private readonly DuckDb _database;

    private BatchFile(string path)
    {
        _path = path;
        try
        {
            _database = new DuckDb(PartialPath);
            _database.Execute("CREATE TABLE IF NOT EXISTS progress (job VARCHAR, users INTEGER, precision VARCHAR)");
        }
        catch (DuckDBException e)
        {
            _database?.Dispose();
            throw new UserErrorException($"{PartialPath} cannot be used: {e.FirstLine()} If no other 'recommend' writes it, delete it and run the command again.", e);
        }
    }

    /// <summary>Number of users whose lists are stored.</summary>
    public int Done { get; private set; }

    /// <summary>Precision of the user tower in an earlier attempt; null in the first.</summary>
    public string? Precision { get; private set; }

    private string PartialPath => _path + ".partial";

    /// <param name="job">Everything that determines the content; an earlier attempt at another job is dropped.</param>
    /// <exception cref="UserErrorException">No such format or folder, or another process writes it.</exception>
    public static BatchFile Open(string path, string job)
    {
        FormatOf(path);
        if (Path.GetDirectoryName(Path.GetFullPath(path)) is { } folder && !Directory.Exists(folder))
        {
            throw new UserErrorException($"--output {path}: there is no folder {folder}.");
        }

        var file = new BatchFile(path);
        if (file._database.Rows($"SELECT users::VARCHAR, precision FROM progress WHERE job = {DuckDb.Text(job)}") is [[{ } users, { } precision]])
        {
            (file.Done, file.Precision) = (int.Parse(users, CultureInfo.InvariantCulture), precision);
        }
        else
        {
            file._database.Execute($"DELETE FROM progress; DROP TABLE IF EXISTS recommendations; INSERT INTO progress VALUES ({DuckDb.Text(job)}, 0, NULL)");
        }

        return file;
    }

    /// <summary>Must be called before the first <see cref="Append"/>.</summary>
    public void Begin(ModelSnapshot model)
    {
        string IdType(IdTable ids) => ids.AreNumbers ? "BIGINT" : "VARCHAR";
        _database.Execute($"CREATE TABLE IF NOT EXISTS recommendations (user_id {IdType(model.Histories.Users)}, rank INTEGER, item_id {IdType(model.Catalog.Ids)}, score FLOAT)");
        _database.Execute($"UPDATE progress SET precision = {DuckDb.Text(model.UserTowers.Precision)}");
    }

    /// <summary>Stores the lists of some users atomically.</summary>
    public void Append(ModelSnapshot model, int[] users, Candidate[][] lists)
    {
        Done += users.Length;
        _database.Append("recommendations", appender =>
        {
            for (int u = 0; u < users.Length; u++)
            {
                EntityId user = model.Histories.Users[users[u]];
                for (int place = 0; place < lists[u].Length; place++)
                {
                    IDuckDBAppenderRow row = Add(appender.CreateRow(), user).AppendValue(place + 1);
                    Add(row, model.Catalog.Items[lists[u][place].Row].Id).AppendValue(lists[u][place].Score).EndRow();
                }
            }
        }, $"UPDATE progress SET users = {Done}");
    }

    /// <summary>Writes the file, and removes the database.</summary>
    public void Complete()
    {
        using (var file = new AtomicFile(_path))
        {
            _database.Execute($"COPY recommendations TO {DuckDb.Text(file.TemporaryPath)} ({FormatOf(_path)})");
            file.Commit();
        }

        Dispose();
        File.Delete(PartialPath);
    }

    public void Dispose() => _database.Dispose();

    private static IDuckDBAppenderRow Add(IDuckDBAppenderRow row, EntityId id) =>
        id.IsNumber && EntityId.IsWholeNumber(id.Text, out long number) ? row.AppendValue(number) : row.AppendValue(id.Text);

    private static string FormatOf(string path) => Path.GetExtension(path) switch
    {
        ".parquet" => "FORMAT parquet, COMPRESSION zstd",
        ".csv" => "FORMAT csv, HEADER",
        ".jsonl" => "FORMAT json",
        _ => throw new UserErrorException($"--output {path}: the name must end in .parquet, .csv or .jsonl."),
    };
}
