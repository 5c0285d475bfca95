using System.Collections.Concurrent;
using System.Net.Http.Json;
using HdrHistogram;
using NanoRecSys.Benchmarks.Stack;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>The command <c>soak</c>: starts its own stack and keeps it under load while parts of it fail.</summary>
internal static class SoakCommand
{
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        Option<string> artifacts = new("--artifacts") { Description = "Folder with a published version.", DefaultValueFactory = _ => "artifacts" };
        Option<string?> api = new("--api") { Description = "NanoRecSys.Api.dll; default: the build of the same configuration." };
        Option<double> duration = new("--duration") { Description = "Seconds.", DefaultValueFactory = _ => 600 };
        Option<int> workers = new("--workers") { Description = "Clients that each send one request after the other.", DefaultValueFactory = _ => 6 };
        Option<double> faults = new("--fault-every") { Description = "Seconds between two faults (Redis killed, frozen, an attack, the model swapped); 0 for none.", DefaultValueFactory = _ => 10 };
        Option<int> mostEvents = new("--most-events-per-user") { Description = "The API's Events:MostPerUser; small, so that old events are archived in the artifacts folder.", DefaultValueFactory = _ => 200 };
        Option<double> growth = new("--max-growth") { Description = "Largest allowed growth of the API's memory from the second to the last quarter, as a share.", DefaultValueFactory = _ => 0.15 };
        Command command = new("soak", "Load, hostile bodies and faults for ten minutes: no 500, no hang, no lost event, no leak. Needs redis-server and Linux.")
        {
            artifacts, api, duration, workers, faults, mostEvents, growth,
        };
        command.SetAction((parsed, cancellationToken) => RunAsync(
            new SoakOptions(
                Path.GetFullPath(parsed.GetValue(artifacts)!), parsed.GetValue(api), TimeSpan.FromSeconds(parsed.GetValue(duration)),
                parsed.GetValue(workers), TimeSpan.FromSeconds(parsed.GetValue(faults)), parsed.GetValue(mostEvents), parsed.GetValue(growth), parsed.GetValue(JsonLine.Option)),
            cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        var store = new ArtifactStore(options.Artifacts);
        if (store.ReadCurrent() is not { } version)
        {
            await Console.Error.WriteLineAsync($"No version is published in {options.Artifacts}. Run 'run --preset quick' of NanoRecSys.Training, or name another folder with --artifacts.");
            return 1;
        }

        Catalog catalog = await CatalogFile.ReadAsync(store.Open(version).PathOf(ArtifactNames.Catalog), cancellationToken);
        string[] movies = [.. catalog.Items.Select(item => JsonSerializer.Serialize(item.Id))];
        using var stack = new LocalStack(
            options.Artifacts, options.Api, settings: new Dictionary<string, string> { ["Events__MostPerUser"] = $"{options.MostEvents}" });
        Uri api = stack.Addresses[0];
        using var http = new HttpClient { BaseAddress = api };
        await stack.WaitUntilReadyAsync(api, cancellationToken);
        EntityId[] users = await Users.AllAsync(http, cancellationToken);
        var tally = new SoakTally();
        SoakWorker[] workers = [.. Enumerable.Range(0, options.Workers).Select(number => new SoakWorker(number, http, users, movies, tally))];
        var faults = new SoakFaults(stack, options);
        var memory = new List<long>();

        var clock = Stopwatch.StartNew();
        Task failing = options.FaultEvery > TimeSpan.Zero ? faults.RunAsync(cancellationToken) : Task.CompletedTask;
        Task load = Task.WhenAll(workers.Select(worker => Task.Run(() => worker.RunAsync(options.Duration, cancellationToken), cancellationToken)));
        while (!load.IsCompleted)
        {
            await Task.WhenAny(load, Task.Delay(SampleEvery, cancellationToken));
            memory.Add(stack.ApiBytes());
        }

        await load;
        await failing;
        TimeSpan elapsed = clock.Elapsed;
        await stack.WaitUntilReadyAsync(api, cancellationToken);
        var archive = new EventArchive(stack.Artifacts);
        LiveEvents events = await LiveEvents.ReadAsync(stack.Redis, archive, cancellationToken); // as the next training would
        Dictionary<int, int> counts = InteractionTable.CountById(events.Interactions.Users);
        foreach (SoakWorker worker in workers)
        {
            worker.Verify(user => events.Interactions.UserIds.TryFind(user, out int code) ? counts[code] : 0);
        }

        OutcomeReport outcomes = await http.GetFromJsonAsync<OutcomeReport>("/outcomes", WireJson.Options, cancellationToken) ?? throw new InvalidDataException("GET /outcomes returned nothing.");
        var report = new SoakReport(
            options, tally, elapsed, faults.Count, workers.Sum(worker => worker.Acknowledged),
            await LiveEvents.CountAsync(stack.Redis, archive, cancellationToken) - await archive.CountAsync(), outcomes.Outcomes, memory);
        report.Print();
        if (tally.Violations > 0)
        {
            await Console.Error.WriteLineAsync(stack.LogTail);
        }

        return report.IsGood ? 0 : 1;
    }
}

/// <param name="Api">The API's program, <c>NanoRecSys.Api.dll</c>; null for the one of the same build.</param>
/// <param name="Workers">Clients that each send one request after the other.</param>
/// <param name="FaultEvery">Time between two faults; zero for none.</param>
/// <param name="MostEvents">Maximum events per user in the store.</param>
/// <param name="MaxGrowth">Share by which the API's memory may grow between the run's second and last quarter.</param>
/// <param name="Json">End with one line of JSON.</param>
internal sealed record SoakOptions(string Artifacts, string? Api, TimeSpan Duration, int Workers, TimeSpan FaultEvery, int MostEvents, double MaxGrowth, bool Json);

/// <summary>The figures of a run. Memory is judged by medians of quarters, since garbage collections make single samples jump.</summary>
/// <param name="Memory">The API's resident bytes, one sample per second.</param>
internal sealed record SoakReport(
    SoakOptions Options, SoakTally Tally, TimeSpan Elapsed, int Faults, long Acknowledged, long InStore, IReadOnlyList<OutcomeRow> Outcomes, IReadOnlyList<long> Memory)
{
    private double EarlyMegabytes => Quarter(1);
    private double MiddleMegabytes => Quarter(2);
    private double LateMegabytes => Quarter(3);
    private double Growth => LateMegabytes / EarlyMegabytes - 1;
    public bool IsGood => Tally.Violations == 0 && Growth <= Options.MaxGrowth;

    public void Print()
    {
        Table table = new Table().Title($"Soak of {Elapsed.TotalSeconds:0} s, {Options.Workers} workers, {Faults} faults").AddColumns("figure", "value");
        Row("requests/s", Tally.Requests / Elapsed.TotalSeconds, "0");
        Row("p50 ms", Tally.PercentileMs(50), "0.0");
        Row("p99 ms", Tally.PercentileMs(99), "0.0");
        Row("longest ms", Tally.PercentileMs(100), "0");
        foreach ((string kind, long count) in Tally.Counts)
        {
            Row(kind, count, "0");
        }

        Row("events acknowledged, all found afterwards", Acknowledged, "0");
        Row("events left in the store at the end", InStore, "0");
        Row("items recorded as shown", Outcomes.Sum(row => row.Impressions), "0");
        Row("of them taken", Outcomes.Sum(row => row.Clicks), "0");
        Row("memory, second quarter, MB", EarlyMegabytes, "0");
        Row("memory, third quarter, MB", MiddleMegabytes, "0");
        Row("memory, last quarter, MB", LateMegabytes, "0");
        Row("violations", Tally.Violations, "0");
        AnsiConsole.Write(table);
        foreach (string violation in Tally.FirstViolations)
        {
            Console.Error.WriteLine(violation);
        }

        if (Growth > Options.MaxGrowth)
        {
            Console.Error.WriteLine($"Memory grew by {Growth:P0}; at most {Options.MaxGrowth:P0} is allowed.");
        }

        JsonLine.Write(Options.Json, new Dictionary<string, object>
        {
            ["seconds"] = Elapsed.TotalSeconds,
            ["requests"] = Tally.Requests,
            ["requests_per_second"] = Tally.Requests / Elapsed.TotalSeconds,
            ["p50_ms"] = Tally.PercentileMs(50),
            ["p99_ms"] = Tally.PercentileMs(99),
            ["longest_ms"] = Tally.PercentileMs(100),
            ["faults"] = Faults,
            ["answers"] = Tally.Counts.ToDictionary(),
            ["events_acknowledged"] = Acknowledged,
            ["events_in_store"] = InStore,
            ["impressions"] = Outcomes.Sum(row => row.Impressions),
            ["clicks"] = Outcomes.Sum(row => row.Clicks),
            ["memory_early_mb"] = EarlyMegabytes,
            ["memory_middle_mb"] = MiddleMegabytes,
            ["memory_late_mb"] = LateMegabytes,
            ["violations"] = Tally.Violations,
        });

        void Row(string figure, double value, string format) => table.AddRow(figure, value.ToString(format));
    }

    private double Quarter(int quarter)
    {
        long[] samples = [.. Memory.Skip(Memory.Count * quarter / 4).Take(Math.Max(1, Memory.Count / 4)).Order()];
        return samples.Length == 0 ? 0 : samples[samples.Length / 2] / 1048576.0;
    }
}

/// <summary>Counts the responses, and keeps the first violations, truncated.</summary>
internal sealed class SoakTally
{
    private const int KeptViolations = 20;
    private static readonly long Highest = TimeSpan.FromMinutes(1).Ticks / TimeSpan.TicksPerMicrosecond;

    private readonly LongConcurrentHistogram _latencies = new(1, Highest, 3);
    private readonly ConcurrentDictionary<string, long> _counts = new();
    private readonly ConcurrentQueue<string> _violations = [];
    private long _violationCount;

    public long Requests => _latencies.TotalCount;
    public long Violations => Interlocked.Read(ref _violationCount);
    public IEnumerable<string> FirstViolations => _violations;

    /// <summary>By kind of request and status.</summary>
    public IEnumerable<KeyValuePair<string, long>> Counts => _counts.OrderBy(count => count.Key, StringComparer.Ordinal);

    public double PercentileMs(double percentile) => Requests == 0 ? 0 : _latencies.GetValueAtPercentile(percentile) / 1000.0;

    public void Answered(string kind, int status, TimeSpan latency)
    {
        _counts.AddOrUpdate($"{kind} {status}", 1, (_, count) => count + 1);
        _latencies.RecordValue(Math.Clamp((long)latency.TotalMicroseconds, 1, Highest));
    }

    public void Violation(string what)
    {
        if (Interlocked.Increment(ref _violationCount) <= KeptViolations)
        {
            _violations.Enqueue(what.Length > 300 ? what[..300] : what);
        }
    }
}
