using System.Diagnostics;
using System.Net.Http.Json;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>Sends requests for a while and measures what came back.</summary>
internal static class LoadRun
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);

    public static async Task<int> RunAsync(LoadOptions options, CancellationToken cancellationToken)
    {
        using SocketsHttpHandler handler = new() { MaxConnectionsPerServer = options.Rate is null ? options.Concurrency : int.MaxValue };
        using HttpClient http = new(handler) { BaseAddress = options.Url };
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

        RequestSource source = new(users, options.Scenario, options.Seed);
        await DriveAsync(http, source, options with { Duration = WarmUp }, new Outcomes(), cancellationToken);
        Outcomes outcomes = new();
        Stopwatch clock = Stopwatch.StartNew();
        await DriveAsync(http, source, options, outcomes, cancellationToken);
        TimeSpan elapsed = clock.Elapsed;
        TelemetrySnapshot? telemetry = await StagesAsync(http, options.Duration, cancellationToken);
        LoadReport.Print(options, outcomes, elapsed, telemetry, source);
        return outcomes.Failed == 0 ? 0 : 1;
    }

    private static Task DriveAsync(HttpClient http, RequestSource source, LoadOptions options, Outcomes outcomes, CancellationToken cancellationToken) =>
        options.Rate is double rate
            ? OpenLoop.RunAsync(http, source, rate, options.Duration, outcomes, cancellationToken)
            : ClosedLoop.RunAsync(http, source, options.Concurrency, options.Duration, outcomes, cancellationToken);

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
