using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace NanoRecSys.Benchmarks.Circuits;

/// <summary>What many visitors cost, for people and as one line of JSON.</summary>
/// <param name="Options">Of the run.</param>
/// <param name="BeforeMiB">The server's memory without them; 0 where it was not asked for.</param>
/// <param name="DuringMiB">And with them.</param>
/// <param name="OpenedMs">From asking for the page to its first interactive rendering, of each.</param>
/// <param name="FollowedMs">From following a link to the new page's first changes, of each.</param>
/// <param name="Failed">Circuits that ended.</param>
/// <param name="BatchesPerSecond">Of changes, per circuit.</param>
/// <param name="BytesPerSecond">Received, per circuit.</param>
internal sealed record CircuitsReport(
    CircuitsOptions Options, double BeforeMiB, double DuringMiB, List<double> OpenedMs, List<double> FollowedMs, int Failed,
    double BatchesPerSecond, double BytesPerSecond)
{
    public void Print(string? failure)
    {
        Table table = new Table().Title($"{Options.Count} circuits on {Options.Path}").AddColumns("figure", "value");
        foreach ((string name, double value) in Figures())
        {
            table.AddRow(name.Replace('_', ' '), value.ToString("0.##", CultureInfo.InvariantCulture));
        }

        AnsiConsole.Write(table);
        if (failure is not null)
        {
            AnsiConsole.MarkupLineInterpolated($"[red]{failure}[/]");
        }

        if (Options.Json)
        {
            Console.WriteLine(JsonSerializer.Serialize(Figures().ToDictionary(figure => figure.Name, figure => Math.Round(figure.Value, 3))));
        }
    }

    private IEnumerable<(string Name, double Value)> Figures() =>
    [
        ("circuits", Options.Count), ("failed", Failed),
        ("memory_before_mib", BeforeMiB), ("memory_mib", DuringMiB), ("memory_per_circuit_mib", (DuringMiB - BeforeMiB) / Options.Count),
        ("open_p50_ms", Percentile(OpenedMs, 0.5)), ("open_p95_ms", Percentile(OpenedMs, 0.95)),
        ("navigate_p50_ms", Percentile(FollowedMs, 0.5)), ("navigate_p95_ms", Percentile(FollowedMs, 0.95)),
        ("batches_per_second_each", BatchesPerSecond), ("bytes_per_second_each", BytesPerSecond),
    ];

    private static double Percentile(List<double> values, double share) =>
        values.Count == 0 ? 0 : values.Order().ElementAt((int)Math.Ceiling(share * values.Count) - 1);
}
