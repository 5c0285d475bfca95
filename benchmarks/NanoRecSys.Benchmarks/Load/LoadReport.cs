using ScottPlot;
using ScottPlot.Plottables;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>The report of a run, as a table and as JSON: latency, throughput, cache hits, and the service's time per stage.</summary>
/// <param name="rate">Requests per second on schedule; null without one.</param>
/// <param name="capacity">What <paramref name="rate"/> is a share of, if it is one.</param>
/// <param name="telemetry">The service's own telemetry; null if it has none.</param>
internal sealed class LoadReport(
    LoadOptions options, double? rate, double? capacity, Outcomes outcomes, TimeSpan elapsed, TimeSpan spent, TelemetrySnapshot? telemetry)
{
    public bool ColdsRepeat { get; init; } // whether the run was too long for the number of users
    private string Name => options.Scenario.ToString().ToLowerInvariant();
    private double PerSecond => outcomes.Answered / elapsed.TotalSeconds;
    private double HitRatio => outcomes.Answered == 0 ? 0 : (double)outcomes.Cached / outcomes.Answered;
    private double GeneratorMicroseconds => spent.TotalMicroseconds / Math.Max(1, outcomes.ByStatus.Values.Sum());

    public void Print()
    {
        string shape = rate is { } perSecond ? $"{perSecond:0} requests/s on schedule" : $"{options.Concurrency} connections";
        Table table = new Table().Title($"{Name} for {elapsed.TotalSeconds:0.0} s, {shape}").AddColumns("figure", "value");
        foreach ((string figure, double value, string format) in Rows())
        {
            table.AddRow(figure, value.ToString(format));
        }

        AnsiConsole.Write(table);
        if (ColdsRepeat)
        {
            AnsiConsole.MarkupLine("[yellow]There are too few users for this long a run: cold requests repeated.[/]");
        }

        JsonLine.Write(options.Json, Figures());
    }

    /// <summary>Writes SCENARIO.json and SCENARIO.png if a folder is set.</summary>
    public void Save()
    {
        if (options.Out is not { } folder)
        {
            return;
        }

        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, $"{Name}.json"), JsonSerializer.Serialize(Figures()));
        LatencyPlot.Save(Path.Combine(folder, $"{Name}.png"), Name, outcomes);
    }

    private IEnumerable<(string Figure, double Value, string Format)> Rows()
    {
        yield return ("requests/s", PerSecond, "0");
        yield return ("cache hits", HitRatio, "0.0%");
        yield return ("p50 ms", outcomes.PercentileMs(50), "0.00");
        yield return ("p95 ms", outcomes.PercentileMs(95), "0.00");
        yield return ("p99 ms", outcomes.PercentileMs(99), "0.00");
        yield return ("p99.9 ms", outcomes.PercentileMs(99.9), "0.00");
        yield return ("max ms", outcomes.MaxMs, "0.00");
        yield return ("degraded (popular)", outcomes.Degraded, "0");
        yield return ("degraded p99 ms", outcomes.DegradedPercentileMs(99), "0.00");
        foreach ((int status, long count) in outcomes.ByStatus)
        {
            yield return ($"status {status}", count, "0");
        }

        yield return ("failed", outcomes.Failed, "0");
        yield return ("never sent", outcomes.Unsent, "0");
        yield return ("generator µs/request", GeneratorMicroseconds, "0.0");
        foreach (StageLatency stage in telemetry?.Stages ?? [])
        {
            yield return ($"service {stage.Stage} p50 ms", stage.P50Ms, "0.000");
        }
    }

    private Dictionary<string, object> Figures() => new()
    {
        ["scenario"] = Name,
        ["connections"] = options.Concurrency,
        ["rate"] = rate ?? 0,
        ["capacity"] = capacity ?? 0,
        ["seconds"] = elapsed.TotalSeconds,
        ["requests_per_second"] = PerSecond,
        ["cache_hit_ratio"] = HitRatio,
        ["p50_ms"] = outcomes.PercentileMs(50),
        ["p95_ms"] = outcomes.PercentileMs(95),
        ["p99_ms"] = outcomes.PercentileMs(99),
        ["p99.9_ms"] = outcomes.PercentileMs(99.9),
        ["max_ms"] = outcomes.MaxMs,
        ["live"] = outcomes.Live,
        ["degraded"] = outcomes.Degraded,
        ["degraded_p99_ms"] = outcomes.DegradedPercentileMs(99),
        ["refused"] = outcomes.Refused,
        ["failed"] = outcomes.Failed,
        ["never_sent"] = outcomes.Unsent,
        ["status"] = outcomes.ByStatus.ToDictionary(status => $"{status.Key}", status => status.Value),
        ["generator_us_per_request"] = GeneratorMicroseconds,
        ["stage_p50_ms"] = (telemetry?.Stages ?? []).ToDictionary(stage => stage.Stage, stage => stage.P50Ms),
    };
}

/// <summary>Latency and throughput over the seconds of a run: averages hide the effect of a pause or a filling queue.</summary>
internal static class LatencyPlot
{
    private const int Width = 900;
    private const int Height = 700;

    public static void Save(string file, string title, Outcomes outcomes)
    {
        var figure = new Multiplot();
        figure.AddPlots(2);
        Plot latency = figure.GetPlot(0);
        latency.Title($"{title}: latency in ms by second");
        foreach (double percentile in (double[])[50, 95, 99])
        {
            Add(latency, $"p{percentile}", outcomes.BySecondMs(percentile));
        }

        latency.Axes.SetLimitsY(0, 1.1 * Math.Max(1, outcomes.BySecondMs(99).Max()));
        latency.ShowLegend(Alignment.UpperRight);
        Plot throughput = figure.GetPlot(1);
        throughput.Title("answers/s");
        throughput.XLabel("second");
        long[] answered = outcomes.AnsweredBySecond();
        Add(throughput, "answers/s", [.. answered.Select(count => (double)count)]);
        throughput.Axes.SetLimitsY(0, 1.1 * Math.Max(1, answered.Max()));
        figure.SavePng(file, Width, Height);
        latency.Dispose();
        throughput.Dispose();
    }

    private static void Add(Plot plot, string name, double[] values)
    {
        Scatter line = plot.Add.Scatter(Enumerable.Range(0, values.Length).Select(second => (double)second).ToArray(), values);
        line.LegendText = name;
    }
}

internal static class WireJson
{
    public static readonly JsonSerializerOptions Options = new(JsonSerializerDefaults.Web) { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };
}
