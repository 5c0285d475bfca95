using Spectre.Console;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Output for people and, with <c>--json</c>, for programs; text for people then goes to standard error.</summary>
internal sealed class RunConsole(TextWriter output, TextWriter error, bool json)
{
    private const int FileWidth = 120; // a file has no width, and the default of 80 breaks tables
    private readonly TextWriter _human = json ? error : output;
    private readonly IAnsiConsole _ansi = CreateConsole(json ? error : output);

    public void WriteLine(string line = "") => _human.WriteLine(line);

    public void WriteLineIf(bool condition, string line)
    {
        if (condition)
        {
            WriteLine(line);
        }
    }

    public void Write(Table table) => _ansi.Write(table);

    /// <summary>The one line for programs; omitted without <c>--json</c>.</summary>
    public void WriteJson(string line)
    {
        if (json)
        {
            output.WriteLine(line);
        }
    }

    public void WriteSummary<T>(T summary) => WriteJson(JsonSerializer.Serialize(summary, typeof(T), TrainingJson.Default));

    /// <summary>A table whose <paramref name="numbers"/> are right-aligned columns.</summary>
    public static Table CreateTable(IEnumerable<string> texts, IEnumerable<string> numbers)
    {
        Table table = new Table().Border(TableBorder.Simple);
        table.AddColumns([.. texts.Select(name => new TableColumn(name).NoWrap()), .. numbers.Select(name => new TableColumn(name).RightAligned().NoWrap())]);
        return table;
    }

    public IStageDisplay Open(string stage, TimeProvider time) =>
        _ansi.Profile.Out.IsTerminal && _ansi.Profile.Capabilities.Ansi ? new BarDisplay(_ansi, stage) : new LineDisplay(stage, _human, time);

    private static IAnsiConsole CreateConsole(TextWriter writer)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(writer) });
        console.Profile.Width = console.Profile.Out.IsTerminal ? console.Profile.Width : FileWidth;
        return console;
    }
}

internal interface IStageDisplay : IAsyncDisposable
{
    void Show(ProgressEvent progress);
}

/// <summary>A bar that is redrawn in place; messages and metrics stay above it as lines.</summary>
internal sealed class BarDisplay : IStageDisplay
{
    private readonly IAnsiConsole _console;
    private readonly string _stage;
    private readonly TaskCompletionSource _ended = new();
    private readonly Task _drawing;
    private ProgressTask? _bar;

    public BarDisplay(IAnsiConsole console, string stage)
    {
        (_console, _stage) = (console, stage);
        _drawing = console.Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn())
            .StartAsync(bars =>
            {
                _bar = bars.AddTask(Markup.Escape(stage), maxValue: 1);
                return _ended.Task;
            });
    }

    public void Show(ProgressEvent progress)
    {
        if (_bar is { } bar)
        {
            bar.Value = progress.Fraction ?? bar.Value;
            string details = ProgressText.Details(progress);
            bar.Description = Markup.Escape(details.Length > 0 ? $"{_stage} | {details}" : _stage);
        }

        if (progress.Message is not null || progress.Metrics is not null)
        {
            _console.WriteLine($"{_stage}: {ProgressText.Line(progress with { Fraction = null, RemainingSeconds = null })}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _ended.TrySetResult();
        await _drawing;
    }
}

internal sealed class LineDisplay(string stage, TextWriter output, TimeProvider time) : IStageDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private long? _shown;
    private string? _message;

    public void Show(ProgressEvent progress)
    {
        bool isDue = _shown is null || time.GetElapsedTime(_shown.Value) >= Interval;
        if (isDue || progress.Metrics is not null || (progress.Message is not null && progress.Message != _message))
        {
            _message = progress.Message ?? _message;
            _shown = time.GetTimestamp();
            output.WriteLine($"{stage}: {ProgressText.Line(progress)}");
        }
    }

    public ValueTask DisposeAsync() => default;
}

internal static class ProgressText
{
    /// <summary>Such as <c>42% | epoch 3 | loss 6.412 | 5,200 sequences/s | 12 s left</c>.</summary>
    public static string Line(ProgressEvent progress)
    {
        string?[] parts =
        [
            progress.Fraction is { } fraction ? $"{100 * fraction:F0}%" : null,
            progress.Epoch is { } epoch ? $"epoch {epoch}" : null,
            progress.Loss is { } loss ? $"loss {loss:F3}" : null,
            progress.SequencesPerSecond is { } speed ? $"{speed:N0} sequences/s" : null,
            progress.Detail,
            progress.RemainingSeconds is > 0.5 and { } left ? $"{Duration(left)} left" : null,
            progress.Metrics is { } metrics
                ? string.Join(' ', metrics.Where(m => m.Key.EndsWith("@10", StringComparison.Ordinal)).Select(m => $"{m.Key} {m.Value:F4}")) : null,
            progress.Message,
        ];
        return string.Join(" | ", parts.Where(part => !string.IsNullOrEmpty(part)));
    }

    /// <summary>The details that the bar does not show: epoch, loss, speed, detail and time left.</summary>
    public static string Details(ProgressEvent progress) => Line(progress with { Fraction = null, Message = null, Metrics = null });

    public static string Duration(double seconds) => Duration(TimeSpan.FromSeconds(seconds));

    public static string Duration(TimeSpan time) =>
        time.TotalMinutes < 1 ? $"{time.TotalSeconds:F1} s" : $"{(int)time.TotalMinutes} min {time.Seconds:D2} s";
}
