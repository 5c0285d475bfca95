using System.Diagnostics;
using NanoRecSys.Benchmarks.Load;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>Starts the stack, loads it while it fails, and says whether anything happened that must not.</summary>
internal static class SoakRun
{
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(1);

    public static async Task<int> RunAsync(SoakOptions options, CancellationToken cancellationToken)
    {
        var store = new ArtifactStore(options.Artifacts);
        if (store.ReadCurrent() is not { } version)
        {
            await Console.Error.WriteLineAsync($"No version is published in {options.Artifacts}. Run 'run --preset quick' of NanoRecSys.Training, or name another folder with --artifacts.");
            return 1;
        }

        Catalog catalog = await CatalogFile.ReadAsync(store.Open(version).PathOf(ArtifactNames.Catalog), cancellationToken);
        int[] movies = [.. catalog.Items.Select(item => item.MovieId)];
        using var stack = new SoakStack(options);
        using var http = new HttpClient { BaseAddress = stack.Address };
        await stack.WaitUntilReadyAsync(http, cancellationToken);
        int[] users = await Users.AllAsync(http, cancellationToken);
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
        await stack.WaitUntilReadyAsync(http, cancellationToken);
        foreach (SoakWorker worker in workers)
        {
            await worker.VerifyAsync(cancellationToken);
        }

        var report = new SoakReport(options, tally, elapsed, faults.Count, workers.Sum(worker => worker.Acknowledged), memory);
        report.Print();
        return report.IsGood ? 0 : 1;
    }
}
