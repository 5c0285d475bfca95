using System.CommandLine;
using Spectre.Console;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class InspectCommand
{
    private const int BarWidth = 40;
    private static readonly Option<int> Steps = Number("--steps", "Training steps to time for the estimate; 0 omits it", 4, least: 0);

    public static Command Create(CommandFactory factory) => factory.Create(
        "inspect", "Read data as 'prepare' does and describe it, without preparing or training anything", [Steps, .. PrepareCommand.Settings],
        (parse, context) => DataReport.InspectAsync(PrepareCommand.Read(parse), parse.GetRequiredValue(Steps), context), Show, prepares: _ => true);

    private static void Show(DataReport report, RunConsole console)
    {
        console.WriteLine(report.Format.Describe());
        console.WriteLine();
        console.Write(Preview(report));
        console.Write(Counts(report));
        console.Write(Histogram("interactions of a user", "users", report.HistoryLengths));
        console.Write(Histogram("interactions of an item", "items", report.Popularity));
        foreach (string note in report.Notes)
        {
            console.WriteLine(note);
        }

        console.WriteLine(report.Refusal is { } refusal
            ? $"'prepare' would reject this data: {refusal}"
            : $"'run --preset auto' would take the preset {report.Preset}{(report.Networks > 1 ? $" with {report.Networks} networks" : "")}{(report.Estimate is { } estimate ? $": {Duration(estimate)}" : "")}.");
    }

    private static Table Preview(DataReport report)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumns("user", "item", report.TimeUnit == TimeUnit.Order.Name ? "place" : "time (UTC)", "rating", "weight");
        foreach (PreviewRow row in report.Preview)
        {
            table.AddRow(Markup.Escape(BadRow.Shorten(row.User.Text)), Markup.Escape(BadRow.Shorten(row.Item.Text)), row.Time, $"{row.Rating:0.###}", $"{row.Weight:0.###}");
        }

        return table;
    }

    private static Table Counts(DataReport report)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumns("count", "value");
        void Add(string name, string value) => table.AddRow(name, Markup.Escape(value));
        Add("users", $"{report.Users:N0}");
        Add("items", $"{report.Items:N0}");
        Add("interactions", $"{report.Interactions:N0}");
        Add("ratings", $"{report.LowestRating:0.###} to {report.HighestRating:0.###}");
        Add("times", $"{report.TimeUnit}");
        Add("exact repeats", $"{report.ExactRepeats:N0}");
        Add("rows that cannot be read", $"{report.BadRows:N0}");
        Add("ratings below zero", $"{report.NegativeRatings:N0}");
        Add("times in the future", $"{report.FutureTimes:N0}");
        foreach (EventTypeCount type in report.EventTypes)
        {
            Add($"events '{Markup.Escape(type.Name)}'", $"{type.Rows:N0} of weight {type.Weight:0.###}");
        }

        if (report.Summary is { } summary)
        {
            Add("time range", $"{(summary is { From: { } from, Until: { } until } ? $"{PrepareCommand.Moment(from)} to {PrepareCommand.Moment(until)}" : "none")}");
            Add("repeated items of a user", $"{summary.Repeated:N0}");
            Add("users with equal times", $"{summary.TiedUsers:N0}");
            Add("users with fewer than three", $"{summary.ShortUsers:N0}");
            Add("items without metadata", $"{summary.Undescribed:N0}");
        }

        return table;
    }

    private static Table Histogram(string name, string what, IReadOnlyList<CountBand> bands)
    {
        int most = Math.Max(1, bands.Select(band => band.Count).DefaultIfEmpty().Max());
        Table table = RunConsole.CreateTable([], [name, what]).AddColumn("");
        foreach (CountBand band in bands)
        {
            table.AddRow(
                band.From == band.To ? $"{band.From:N0}" : $"{band.From:N0} to {band.To:N0}", $"{band.Count:N0}",
                new string('#', (int)Math.Ceiling((double)BarWidth * band.Count / most)));
        }

        return table;
    }

    private static string Duration(EpochEstimate estimate)
    {
        double epoch = estimate.TrainSeconds + estimate.ValidationSeconds;
        return $"about {ProgressText.Duration(epoch)} per epoch of the retriever, at most {estimate.MostEpochs} epochs ({ProgressText.Duration(epoch * estimate.MostEpochs)})";
    }
}

internal static class EstimateCommand
{
    private const double Gibibyte = 1 << 30;
    private static readonly Option<string> Preset = Choice("--preset", "Preset whose retriever is timed", TrainingNames.Presets, "auto");
    private static readonly Option<int> Steps = Number("--steps", "Training steps to time", 8);

    public static Command Create(CommandFactory factory) => factory.Create(
        "estimate", "Time a few training steps of a preset's retriever on the prepared data, and project the cost of an epoch", [Preset, Steps],
        (parse, context) => EpochEstimate.MeasureAsync(parse.GetRequiredValue(Preset), parse.GetRequiredValue(Steps), context), Show);

    private static void Show(EpochEstimate estimate, RunConsole console)
    {
        double epoch = estimate.TrainSeconds + estimate.ValidationSeconds;
        console.Write(new Table().Border(TableBorder.Simple).AddColumns("figure", "projected")
            .AddRow("steps per epoch", $"{estimate.Steps:N0} of {estimate.StepSeconds:F2} s")
            .AddRow("training per epoch", Duration(estimate.TrainSeconds))
            .AddRow("validation", Duration(estimate.ValidationSeconds))
            .AddRow("sequences/s", $"{estimate.SequencesPerSecond:N0}")
            .AddRow("at most", $"{estimate.MostEpochs} epochs: {Duration(epoch * estimate.MostEpochs)}")
            .AddRow("peak memory", $"{estimate.PeakMemory / Gibibyte:F1} GiB")
            .AddRow("data loaded in", Duration(estimate.LoadSeconds))
            .AddRow("on", $"{estimate.Device}, {estimate.Threads} threads, {estimate.ProcessorShare:P0} of their time"));
    }

    private static string Duration(double seconds) =>
        seconds < 3600 ? ProgressText.Duration(seconds) : $"{seconds / 3600:N1} hours";
}
