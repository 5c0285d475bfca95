using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Spectre.Console;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Where a run talks to: people, and, with <c>--json</c>, programs. Then people read standard error.</summary>
public sealed class RunConsole(TextWriter output, TextWriter error, bool json)
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
        ArgumentNullException.ThrowIfNull(work);
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
