using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class ExportCommand
{
    private static readonly Option<string> Format = Choice(
        "--format", "onnx for serving, safetensors for PyTorch (state dictionaries, which 'import' reads if the network is nanoRecSys' own)",
        ["onnx", "safetensors"], "onnx");

    private static readonly OptionSet<ExportOptions> Settings = new()
    {
        { Number("--parity-histories", "Number of real histories on which exported graphs are compared with the trained networks", new ExportOptions().ParityHistories),
            (o, v) => o with { ParityHistories = v } },
        { Choice("--ranker-precision", "Precision of the ranker in serving; auto uses int8 for a large ranker whose logits stay close", ["auto", "fp32", "int8"], "auto"),
            (o, v) => o with { RankerPrecision = v switch { "fp32" => RankerPrecision.ThirtyTwoBits, "int8" => RankerPrecision.EightBits, _ => RankerPrecision.Auto }, } },
        { Choice("--final-fit", "Whether to export the retriever that 'final-fit' made, if it ran with these weights", ["follow", "ignore"], "follow"),
            (o, v) => o with { UseFinalFit = v == "follow" } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "export", "Export the trained networks as ONNX, checked against the originals, or as safetensors", [Format, .. Settings], _ => 1,
        async (parse, run) =>
        {
            if (parse.GetRequiredValue(Format) == "onnx")
            {
                Show(await run.StageAsync("export", context => ExportStep.RunAsync(Settings.Read(parse, new ExportOptions()), context)), run.Console);
            }
            else
            {
                Show(await run.StageAsync("export", StateDictionaryExport.RunAsync), run.Console);
            }
        });

    private static void Show(StateDictionarySummary summary, RunConsole console)
    {
        foreach (string file in summary.Files)
        {
            console.WriteLine(file);
        }

        console.WriteLine($"{summary.Parameters:N0} parameters");
        console.WriteSummary(summary);
    }

    private static void Show(ExportReport report, RunConsole console)
    {
        foreach ((string file, ParityInfo parity) in report.Parity)
        {
            console.WriteLine(parity.MeanCosine is { } cosine
                ? $"{file}: mean cosine {cosine:F5} with the trained network over {parity.Cases:N0} cases (required: at least {1 - parity.Tolerance:F3})"
                : $"{file}: differs from the trained network by at most {parity.MaxAbsDifference:G3} over {parity.Cases:N0} cases (allowed: {parity.Tolerance:G3})");
        }

        console.WriteSummary(report);
    }
}
