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

    private static readonly Option<string> Format = Settings.Choice(
        "--format", "What for: serving (onnx), or PyTorch (safetensors, the state dictionaries; 'import' takes them back where the tower is the reference's)", "onnx", ["onnx", "safetensors"]);

    private static readonly Option<string> RankerNumbers = Settings.Choice(
        "--ranker-precision", "In what serving multiplies per candidate; auto: int8 for a large ranker whose logits stay close", "auto", ["auto", "fp32", "int8"]);

    static ExportCommand() => Histories.AtLeast(1);

    public static Command Create(Verbs verbs) => verbs.Create(
        "export", "Write the trained networks as ONNX and check them against what was trained, or as safetensors", [Histories, Format, RankerNumbers], stages: 1,
        async (parse, run) =>
        {
            if (parse.GetRequiredValue(Format) == "onnx")
            {
                var options = new ExportOptions
                {
                    ParityHistories = parse.GetRequiredValue(Histories),
                    RankerPrecision = parse.GetRequiredValue(RankerNumbers) switch
                    {
                        "fp32" => RankerPrecision.ThirtyTwoBits,
                        "int8" => RankerPrecision.EightBits,
                        _ => RankerPrecision.Auto,
                    },
                };
                Show(await run.StageAsync("export", context => ExportStep.RunAsync(options, context)), run.Console);
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
        console.WriteJson(JsonSerializer.Serialize(summary, ExportJsonLines.Default.StateDictionarySummary));
    }

    private static void Show(ExportReport report, RunConsole console)
    {
        foreach ((string file, ParityInfo parity) in report.Parity)
        {
            console.WriteLine(parity.MeanCosine is { } cosine
                ? $"{file}: mean cosine {cosine:F5} with the trained network over {parity.Cases:N0} cases (at least {1 - parity.Tolerance:F3})"
                : $"{file}: differs from the trained network by {parity.MaxAbsDifference:G3} at most over {parity.Cases:N0} cases (allowed: {parity.Tolerance:G3})");
        }

        console.WriteJson(JsonSerializer.Serialize(report, ExportJsonLines.Default.ExportReport));
    }
}
