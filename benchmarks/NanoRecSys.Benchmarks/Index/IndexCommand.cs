using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>The verb <c>index</c>: one query at a time on one thread, beside a plain scan, same vectors, same run.</summary>
internal static class IndexCommand
{
    public static Command Create()
    {
        Option<int> rows = new("--rows") { Description = "Vectors.", DefaultValueFactory = _ => 26_744 };
        Option<int> dimension = new("--dimension") { Description = "Their width.", DefaultValueFactory = _ => 256 };
        Option<int> k = new("--k") { Description = "Neighbours asked for.", DefaultValueFactory = _ => 100 };
        Option<int> excluded = new("--excluded") { Description = "Rows that the search leaves out.", DefaultValueFactory = _ => 200 };
        Option<int> queries = new("--queries") { Description = "Queries a round.", DefaultValueFactory = _ => 200 };
        Option<int> exactQueries = new("--exact-queries") { Description = "Queries compared with brute force.", DefaultValueFactory = _ => 10_000 };
        Option<int> seed = new("--seed") { Description = "Of the random unit vectors.", DefaultValueFactory = _ => 1 };
        Option<bool> json = new("--json") { Description = "End with one line of JSON." };
        Command command = new("index", "Latency and exactness of the flat index beside plain scans and the memory's bandwidth.")
        {
            rows, dimension, k, excluded, queries, exactQueries, seed, json,
        };
        command.SetAction(parsed => Run(
            new FlatBenchmark(
                parsed.GetValue(rows), parsed.GetValue(dimension), parsed.GetValue(k), parsed.GetValue(excluded),
                parsed.GetValue(queries), parsed.GetValue(exactQueries), new Random(parsed.GetValue(seed))),
            parsed.GetValue(json)));
        return command;
    }

    private static int Run(FlatBenchmark benchmark, bool json)
    {
        FlatFigures figures = benchmark.Run();
        AnsiConsole.Write(new Table().Title($"{figures.Rows} x {figures.Dimension}, best {figures.K}, {figures.Excluded} excluded, one thread")
            .AddColumns("search", "median ms", "ratio")
            .AddRow("flat index", Text(figures.FlatMs), Text(figures.SimdMs / figures.FlatMs) + "x")
            .AddRow("flat index, a query of a batch", Text(figures.BatchMs), Text(figures.SimdMs / figures.BatchMs) + "x")
            .AddRow("fp32 scan with SIMD", Text(figures.SimdMs), "1x")
            .AddRow("plain scalar scan", Text(figures.PlainMs), Text(figures.SimdMs / figures.PlainMs) + "x")
            .AddRow("reading as many bytes as the flat index does", Text(figures.BandwidthMs), $"{figures.GigabytesPerSecond:F1} GB/s")
            .AddRow($"same rows in {figures.ExactQueries} queries", figures.FlatExact ? "yes" : "NO", ""));
        if (json)
        {
            Console.WriteLine(JsonSerializer.Serialize(figures, FlatFigures.Json));
        }

        return figures.FlatExact ? 0 : 1;
    }

    private static string Text(double value) => value.ToString("0.000", CultureInfo.InvariantCulture);
}
