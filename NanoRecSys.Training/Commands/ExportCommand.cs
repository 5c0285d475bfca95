using System.CommandLine;
using System.Text.Json;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class ExportCommand
{
    private static readonly Option<int> Histories = new("--parity-histories")
    {
        Description = "Real histories on which the exported graphs are compared with the trained networks",
        DefaultValueFactory = _ => new ExportOptions().ParityHistories,
    };

    static ExportCommand() => Histories.AtLeast(1);

    public static Command Create(Verbs verbs) => verbs.Create(
        "export", "Write the trained networks as ONNX, and check them against what was trained", [Histories],
        (parse, context) => ExportStep.RunAsync(new ExportOptions { ParityHistories = parse.GetRequiredValue(Histories) }, context),
        Show);

    private static void Show(ExportReport report, RunConsole console)
    {
        foreach ((string file, ParityInfo parity) in report.Parity)
        {
            console.WriteLine($"{file}: differs from the trained network by {parity.MaxAbsDifference:G3} at most over {parity.Cases:N0} cases (allowed: {parity.Tolerance:G3})");
        }

        console.WriteJson(JsonSerializer.Serialize(report, ExportJsonLines.Default.ExportReport));
    }
}
