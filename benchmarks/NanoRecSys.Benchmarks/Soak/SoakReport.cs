using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Soak;

/// <summary>A run in figures. Memory is judged by medians of quarters: collections make single samples jump.</summary>
/// <param name="Options">What was asked.</param>
/// <param name="Tally">What came back.</param>
/// <param name="Elapsed">Of the load.</param>
/// <param name="Faults">How many were made.</param>
/// <param name="Acknowledged">Events.</param>
/// <param name="Memory">The API's resident bytes, one sample a second.</param>
internal sealed record SoakReport(SoakOptions Options, SoakTally Tally, TimeSpan Elapsed, int Faults, long Acknowledged, IReadOnlyList<long> Memory)
{
    private double EarlyMegabytes => Quarter(1);

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
        Row("memory, second quarter, MB", EarlyMegabytes, "0");
        Row("memory, last quarter, MB", LateMegabytes, "0");
        Row("violations", Tally.Violations, "0");
        AnsiConsole.Write(table);
        foreach (string violation in Tally.FirstViolations)
        {
            Console.Error.WriteLine(violation);
        }

        if (Growth > Options.MaxGrowth)
        {
            Console.Error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Memory grew by {Growth:P0}, {Options.MaxGrowth:P0} are allowed."));
        }

        if (Options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(new Dictionary<string, object>
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
                ["memory_early_mb"] = EarlyMegabytes,
                ["memory_late_mb"] = LateMegabytes,
                ["violations"] = Tally.Violations,
            }));
        }

        void Row(string figure, double value, string format) => table.AddRow(figure, value.ToString(format, CultureInfo.InvariantCulture));
    }

    private double Quarter(int quarter)
    {
        long[] samples = [.. Memory.Skip(Memory.Count * quarter / 4).Take(Math.Max(1, Memory.Count / 4)).Order()];
        return samples.Length == 0 ? 0 : samples[samples.Length / 2] / 1048576.0;
    }
}
