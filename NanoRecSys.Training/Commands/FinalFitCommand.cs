using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class FinalFitCommand
{
    private static readonly FinalFitOptions Defaults = new();

    private static readonly OptionSet<FinalFitOptions> Settings = new()
    {
        { Number("--epochs", "Epochs over all interactions", Defaults.Epochs, most: 1_000), (o, v) => o with { Epochs = v } },
        { PositiveReal("--learning-rate-share", "Share of the training's learning rate to start with", Defaults.LearningRateShare), (o, v) => o with { LearningRateShare = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "final-fit", "Continue the retriever on all interactions, the held-out ones too, and count the chosen item lists anew; metrics stay those before it", Settings,
        (parse, context) => FinalFitStep.RunAsync(Settings.Read(parse, Defaults), context),
        (summary, console) => console.WriteLine($"{summary.Info.Epochs} epochs over {summary.Info.Interactions:N0} interactions in {ProgressText.Duration(summary.Seconds)}"));
}
