using System.Globalization;
using System.Text.Json;
using NanoRecSys.Core.Contracts;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>Prints a run: latency, throughput, cache hits, and where the service spent its time.</summary>
internal static class LoadReport
{
    public static void Print(LoadOptions options, Outcomes outcomes, TimeSpan elapsed, TelemetrySnapshot? telemetry, RequestSource source)
    {
        double perSecond = outcomes.Answered / elapsed.TotalSeconds;
        double hits = outcomes.Answered == 0 ? 0 : (double)outcomes.Cached / outcomes.Answered;
        string shape = options.Rate is double rate ? $"{rate:0} requests/s on schedule" : $"{options.Concurrency} connections";
        Table table = new Table().Title($"{options.Scenario} for {elapsed.TotalSeconds:0.0} s, {shape}").AddColumns("figure", "value");
        Row("requests/s", perSecond, "0");
        Row("cache hits", hits, "0.0%");
        Row("p50 ms", outcomes.PercentileMs(50), "0.00");
        Row("p95 ms", outcomes.PercentileMs(95), "0.00");
        Row("p99 ms", outcomes.PercentileMs(99), "0.00");
        Row("p99.9 ms", outcomes.PercentileMs(99.9), "0.00");
        Row("refused (503)", outcomes.Refused, "0");
        Row("failed", outcomes.Failed, "0");
        foreach (StageLatency stage in telemetry?.Stages ?? [])
        {
            Row($"service {stage.Stage} p50 ms", stage.P50Ms, "0.000");
        }

        AnsiConsole.Write(table);
        if (options.Scenario != Scenario.Hot && source.ColdsSent > source.ColdCapacity)
        {
            AnsiConsole.MarkupLine("[yellow]There are too few users for this long a run: cold requests repeated.[/]");
        }

        if (options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
            {
                ["scenario"] = options.Scenario.ToString().ToLowerInvariant(),
                ["concurrency"] = options.Concurrency,
                ["rate"] = options.Rate ?? 0,
                ["seconds"] = elapsed.TotalSeconds,
                ["requests_per_second"] = perSecond,
                ["cache_hit_ratio"] = hits,
                ["p50_ms"] = outcomes.PercentileMs(50),
                ["p95_ms"] = outcomes.PercentileMs(95),
                ["p99_ms"] = outcomes.PercentileMs(99),
                ["p99.9_ms"] = outcomes.PercentileMs(99.9),
                ["refused"] = outcomes.Refused,
                ["failed"] = outcomes.Failed,
                ["stage_p50_ms"] = (telemetry?.Stages ?? []).ToDictionary(stage => stage.Stage, stage => stage.P50Ms),
            }));
        }

        void Row(string figure, double value, string format) =>
            table.AddRow(figure, value.ToString(format, CultureInfo.InvariantCulture));
    }
}
