using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class FinalFitCommand
{
    private static readonly FinalFitOptions Defaults = new();

    private static readonly OptionSet<FinalFitOptions> Settings = new()
    {
        { Number("--epochs", "Epochs over all interactions", Defaults.Epochs, most: 1_000), (o, v) => o with { Epochs = v } },
        { PositiveReal("--learning-rate-share", "Initial learning rate, as a share of the training's", Defaults.LearningRateShare), (o, v) => o with { LearningRateShare = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "final-fit", "Continue training the retriever on all interactions, held-out ones too, and recompute the chosen item lists; the metrics stay as before", Settings,
        (parse, context) => FinalFitStep.RunAsync(Settings.Read(parse, Defaults), context),
        (summary, console) => console.WriteLine($"{summary.Info.Epochs} epochs over {summary.Info.Interactions:N0} interactions in {ProgressText.Duration(summary.Seconds)}"));
}
