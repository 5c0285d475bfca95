using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Where a run talks to: people, and, with <c>--json</c>, programs. Then people read standard error.</summary>
internal sealed class RunConsole(TextWriter output, TextWriter error, bool json)
{
    private const int FileWidth = 120; // A file has no width of its own; the default of 80 breaks tables.
    private readonly TextWriter _human = json ? error : output;
    private readonly IAnsiConsole _ansi = CreateConsole(json ? error : output);

    public void WriteLine(string line = "") => _human.WriteLine(line);

    public void Write(Table table) => _ansi.Write(table);

    /// <summary>The one line that a program reads; nothing without <c>--json</c>.</summary>
    public void WriteJson(string line)
    {
        if (json)
        {
            output.WriteLine(line);
        }
    }

    public void WriteSummary<T>(T summary, JsonTypeInfo<T> type) => WriteJson(JsonSerializer.Serialize(summary, type));

    /// <summary>Shows a step's progress while it works.</summary>
    public async Task ShowAsync(string stage, TimeProvider time, Func<IStepDisplay, Task> work)
    {
        if (_ansi.Profile.Out.IsTerminal && _ansi.Profile.Capabilities.Ansi)
        {
            await BarDisplay.RunAsync(_ansi, stage, work);
        }
        else
        {
            await work(new LineDisplay(stage, _human, time));
        }
    }

    private static IAnsiConsole CreateConsole(TextWriter writer)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        console.Profile.Width = console.Profile.Out.IsTerminal ? console.Profile.Width : FileWidth;
        return console;
    }
}

/// <summary>Shows a step's progress to a person: a bar on a terminal, lines elsewhere.</summary>
internal interface IStepDisplay
{
    /// <param name="progress">The newest report.</param>
    /// <param name="remaining">Time left, estimated, where the report tells a fraction.</param>
    void Show(StepProgress progress, TimeSpan? remaining);
}

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

/// <summary>Progress as plain lines, for output that goes to a file or another program.</summary>
internal sealed class LineDisplay(string stage, TextWriter output, TimeProvider time) : IStepDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private long? _shown;
    private string? _message;

    public void Show(StepProgress progress, TimeSpan? remaining)
    {
        bool isDue = _shown is null || time.GetElapsedTime(_shown.Value) >= Interval;
        if (isDue || progress.Metrics is not null || (progress.Message is not null && progress.Message != _message))
        {
            _message = progress.Message ?? _message;
            _shown = time.GetTimestamp();
            output.WriteLine($"{stage}: {ProgressText.Line(progress, remaining)}");
        }
    }
}

/// <summary>A report in words, for a line or beside a bar.</summary>
internal static class ProgressText
{
    /// <summary>Such as <c>42% | epoch 3 | loss 6.412 | 5,200 sequences/s | 12 s left</c>.</summary>
    public static string Line(StepProgress progress, TimeSpan? remaining) => string.Join(" | ", Parts(progress, remaining));

    /// <summary>What the bar does not show by itself: epoch, loss, speed, detail and time left.</summary>
    public static string Details(StepProgress progress, TimeSpan? remaining) =>
        Line(progress with { Fraction = null, Message = null, Metrics = null }, remaining);

    private static IEnumerable<string> Parts(StepProgress progress, TimeSpan? remaining)
    {
        string?[] parts =
        [
            progress.Fraction is { } fraction ? Format($"{100 * fraction:F0}%") : null,
            progress.Epoch is { } epoch ? Format($"epoch {epoch}") : null,
            progress.Loss is { } loss ? Format($"loss {loss:F3}") : null,
            progress.SequencesPerSecond is { } speed ? Format($"{speed:N0} sequences/s") : null,
            progress.Detail,
            remaining is { TotalSeconds: > 0.5 } left ? Format($"{Duration(left)} left") : null,
            progress.Metrics is { } metrics ? string.Join(' ', metrics.Where(m => m.Key.EndsWith("@10", StringComparison.Ordinal)).Select(m => Format($"{m.Key} {m.Value:F4}"))) : null,
            progress.Message,
        ];
        return parts.Where(part => !string.IsNullOrEmpty(part)).Select(part => part!);
    }

    public static string Duration(TimeSpan time) =>
        time.TotalMinutes < 1 ? Format($"{time.TotalSeconds:F1} s") : Format($"{(int)time.TotalMinutes} min {time.Seconds:D2} s");

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

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
