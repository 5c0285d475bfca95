using Spectre.Console;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Progress as a bar that is redrawn in place; messages and metrics stay above it as lines.</summary>
internal sealed class BarDisplay(IAnsiConsole console, string stage, ProgressTask task) : IStepDisplay
{
    public static async Task RunAsync(IAnsiConsole console, string stage, Func<IStepDisplay, Task> work) =>
        await console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(async bars => await work(new BarDisplay(console, stage, bars.AddTask(Markup.Escape(stage), maxValue: 1))));

    public void Show(StepProgress progress, TimeSpan? remaining)
    {
        task.Value = progress.Fraction ?? task.Value;
        string details = ProgressText.Details(progress, remaining);
        task.Description = Markup.Escape(details.Length > 0 ? $"{stage} | {details}" : stage);
        if (progress.Message is not null || progress.Metrics is not null)
        {
            console.WriteLine($"{stage}: {ProgressText.Line(progress with { Fraction = null }, null)}");
        }
    }
}
