using System.CommandLine;
using Spectre.Console;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class EstimateCommand
{
    private const double Gibibyte = 1 << 30;
    private static readonly Option<string> Preset = Choice("--preset", "Preset whose retriever is timed", Presets.Names, "auto");
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
