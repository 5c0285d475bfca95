using System.Globalization;
using Spectre.Console;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Where a run's time went.</summary>
internal static class TimingTable
{
    public static Table Create(IReadOnlyList<(string Stage, TimeSpan Took)> timings)
    {
        TimeSpan total = new(timings.Sum(timing => timing.Took.Ticks));
        Table table = new Table().Border(TableBorder.Simple)
            .AddColumn(new TableColumn("stage").NoWrap()).AddColumn(new TableColumn("time").RightAligned()).AddColumn(new TableColumn("share").RightAligned());
        foreach ((string stage, TimeSpan took) in timings)
        {
            table.AddRow(stage, ProgressText.Duration(took), (took / total).ToString("P0", CultureInfo.InvariantCulture));
        }

        return table.AddRow("total", ProgressText.Duration(total), "");
    }
}
