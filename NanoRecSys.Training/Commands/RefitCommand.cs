using System.CommandLine;

namespace NanoRecSys.Training.Commands;

internal static class RefitCommand
{
    public static Command Create(CommandFactory factory) => factory.Create(
        "refit", "Retrain the selected retriever with the validation items; 'evaluate' uses it on test, 'export' exports it", [],
        (_, context) => RefitStep.RunAsync(context),
        (summary, console) => console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(summary.Seconds)}, validation items included"));
}
