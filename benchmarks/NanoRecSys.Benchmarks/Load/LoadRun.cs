using System.Diagnostics;
using System.Net.Http.Json;
using System.Net.Sockets;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>Sends requests for a while and measures what came back.</summary>
internal static class LoadRun
{
    private const int ClosedConnections = 32; // enough to find the capacity
    private static readonly TimeSpan LongestProbe = TimeSpan.FromSeconds(10);

    public static async Task<int> RunAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        using HttpClient http = new() { BaseAddress = options.Url };
        int[] users;
        try
        {
            users = await Users.AllAsync(http, cancellationToken);
        }
        catch (HttpRequestException e)
        {
            await Console.Error.WriteLineAsync($"{options.Url} does not tell its users: {e.Message}");
            return 1;
        }

        if (users.Length == 0)
        {
            await Console.Error.WriteLineAsync($"{options.Url} knows no users yet. Wait until its model is trained.");
            return 1;
        }

        RequestSource source = new(options.Url, users, options.Scenario, options.Seed);
        WarmUp(options, source, cancellationToken);
        double? capacity = options.RateOfCapacity is null ? null : Capacity(options, source, cancellationToken);
        double? rate = options.Rate ?? options.RateOfCapacity * capacity;
        Outcomes outcomes = new(options.Duration);
        using var self = Process.GetCurrentProcess();
        TimeSpan spent = self.TotalProcessorTime;
        Stopwatch clock = Stopwatch.StartNew();
        new Drive(options.Url, source, options.Concurrency, rate, options.Duration, options.Seed, outcomes).Run(cancellationToken);
        TimeSpan elapsed = clock.Elapsed;
        self.Refresh();
        var report = new LoadReport(options, rate, capacity, outcomes, elapsed, self.TotalProcessorTime - spent, await StagesAsync(http, options.Duration, cancellationToken))
        {
            ColdsRepeat = source.ColdsSent > source.ColdCapacity,
        };
        report.Print();
        report.Save();
        return outcomes.Failed == 0 ? 0 : 1;
    }

    // Every hot user once, so that what is measured is a cache that knows them; then on the same schedule, or without one.
    private static void WarmUp(LoadOptions options, RequestSource source, CancellationToken cancellationToken)
    {
        using (var connection = new HttpConnection(options.Url))
        {
            foreach (byte[] request in source.EveryHot)
            {
                try
                {
                    connection.Ask(request);
                }
                catch (Exception e) when (e is SocketException or InvalidDataException)
                {
                    // The run itself counts what fails.
                }
            }
        }

        new Drive(options.Url, source, options.Rate is null ? ClosedConnections : options.Concurrency, options.Rate, options.WarmUp, options.Seed + 1, new Outcomes(options.WarmUp)).Run(cancellationToken);
    }

    private static double Capacity(LoadOptions options, RequestSource source, CancellationToken cancellationToken)
    {
        TimeSpan duration = options.Duration < LongestProbe ? options.Duration : LongestProbe;
        Outcomes outcomes = new(duration);
        new Drive(options.Url, source, ClosedConnections, rate: null, duration, options.Seed + 2, outcomes).Run(cancellationToken);
        return outcomes.Live / duration.TotalSeconds;
    }

    private static async Task<TelemetrySnapshot?> StagesAsync(HttpClient http, TimeSpan window, CancellationToken cancellationToken)
    {
        try
        {
            return await http.GetFromJsonAsync<TelemetrySnapshot>(
                $"/debug/telemetry?window={Math.Max(1, (int)window.TotalSeconds)}", WireJson.Options, cancellationToken);
        }
        catch (HttpRequestException)
        {
            return null; // another implementation of the contract: its stages are not known
        }
    }
}
