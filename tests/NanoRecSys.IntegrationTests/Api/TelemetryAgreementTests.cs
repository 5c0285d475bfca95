using System.Collections.Concurrent;

namespace NanoRecSys.IntegrationTests.Api;

/// <summary>
/// Compares the telemetry with what clients of the same run counted. Latencies are compared by the stage timings in each answer:
/// a client's stopwatch also includes the network and its own waiting, which the service cannot see.
/// </summary>
public sealed class TelemetryAgreementTests
{
    private const double ResolutionMs = 0.001; // of the histograms; a stage may be shorter
    private const double Tolerance = 0.05;
    private const int Clients = 4;
    private static readonly TimeSpan RunLength = TimeSpan.FromSeconds(6);

    [Fact]
    public async Task Counts_are_equal_and_latencies_and_throughput_within_five_percent_of_what_clients_saw()
    {
        using CacheServer cache = CacheServer.Start(CacheServer.Garnet);
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(75), cache.ConnectionString);
        var answers = new ConcurrentBag<Answered>();
        var clock = Stopwatch.StartNew();
        await Task.WhenAll(Enumerable.Range(0, Clients).Select(client => Task.Run(async () =>
        {
            for (int request = 0; clock.Elapsed < RunLength; request++)
            {
                // 100 values of K: the first request with each is computed, the others come from the cache.
                JsonElement answer = await api.PostAsync("/recommend", $$"""{"user_id": {{RandomModel.QuietUser}}, "k": {{1 + request % 100}}}""");
                answers.Add(new Answered(DateTimeOffset.UtcNow, answer));
            }
        })));

        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");

        Assert.Equal(answers.Count, telemetry.GetProperty("requests").GetInt32());
        Assert.Equal(
            (double)answers.Count(answer => answer.Json.GetProperty("served_from_cache").GetBoolean()) / answers.Count,
            telemetry.GetProperty("cache_hit_ratio").GetDouble(), 9);
        AssertStages(answers, telemetry);
        AssertThroughput(answers, telemetry);
    }

    [Fact]
    public async Task The_throughput_is_that_of_the_load_generator()
    {
        await using ApiServer api = await ApiServer.StartAsync(new RandomModel(76));
        string[] args = ["load", "--url", api.Client.BaseAddress!.ToString(), "--scenario", "hot", "--rate", "60", "--duration", "8", "--json"];
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "NanoRecSys.Benchmarks.dll"), .. args]) { RedirectStandardOutput = true };

        using Process load = Process.Start(start)!;
        string output = await load.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        await load.WaitForExitAsync(TestContext.Current.CancellationToken);
        JsonElement telemetry = await api.GetAsync("/debug/telemetry?window=60");

        double reported = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("requests_per_second").GetDouble();
        // Requests are sent on a schedule, so each full second of the eight has the same number; the last second with any is not full.
        double counted = telemetry.GetProperty("series").EnumerateArray().Select(point => point.GetProperty("requests").GetInt64())
            .Reverse().SkipWhile(count => count == 0).Skip(1).Take(6).Average();
        Assert.InRange(counted, reported * (1 - Tolerance), reported * (1 + Tolerance));
    }

    private static void AssertStages(IReadOnlyCollection<Answered> answers, JsonElement telemetry)
    {
        foreach (JsonElement stage in telemetry.GetProperty("stages").EnumerateArray().Where(stage => stage.Text("stage") != "total"))
        {
            double[] reported = [.. answers
                .SelectMany(answer => answer.Json.GetProperty("stages").EnumerateArray())
                .Where(timing => timing.Text("stage") == stage.Text("stage"))
                .Select(timing => timing.GetProperty("duration_ms").GetDouble())
                .Order()];
            Assert.Equal(reported.Length, stage.GetProperty("count").GetInt32());
            AssertNear(reported, 0.50, stage.GetProperty("p50_ms").GetDouble());
            AssertNear(reported, 0.95, stage.GetProperty("p95_ms").GetDouble());
        }
    }

    // Nearest rank, as in the service.
    private static void AssertNear(double[] sorted, double share, double actual)
    {
        double expected = sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
        Assert.InRange(actual, expected * (1 - Tolerance) - ResolutionMs, expected * (1 + Tolerance) + ResolutionMs);
    }

    // Over the full seconds of the run, by the clients' clock and the service's.
    private static void AssertThroughput(IReadOnlyCollection<Answered> answers, JsonElement telemetry)
    {
        DateTimeOffset first = answers.Min(answer => answer.Time), last = answers.Max(answer => answer.Time);
        JsonElement[] full = [.. telemetry.GetProperty("series").EnumerateArray()
            .Where(point => point.GetProperty("time").GetDateTimeOffset() > first && point.GetProperty("time").GetDateTimeOffset().AddSeconds(1) < last)];
        Assert.InRange(full.Length, 3, 6);
        DateTimeOffset from = full[0].GetProperty("time").GetDateTimeOffset(), until = from.AddSeconds(full.Length);
        double seen = answers.Count(answer => answer.Time >= from && answer.Time < until);
        Assert.InRange(full.Sum(point => point.GetProperty("requests").GetDouble()), seen * (1 - Tolerance), seen * (1 + Tolerance));
    }

    private sealed record Answered(DateTimeOffset Time, JsonElement Json);
}
