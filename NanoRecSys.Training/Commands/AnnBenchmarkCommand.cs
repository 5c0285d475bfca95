using System.CommandLine;
using NanoRecSys.Training.Indexing.Ann;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class AnnBenchmarkCommand
{
    private static readonly AnnOptions Defaults = new() { Output = "ann" };

    private static readonly OptionSet<AnnOptions> Settings = new()
    {
        { Text("--vectors", "Vectors as a float32 .npy file (default: the exported item embeddings)", "FILE"), (o, v) => o with { Vectors = v } },
        { Text("--output", "Folder for ann.json, ann.csv, ann.md and the plot", "DIR", Defaults.Output), (o, v) => o with { Output = v } },
        { Choice("--grid", "ablation builds 256 to 1024 lists and codes of 32 and 64 bytes, scale is for a million vectors or more", [AnnOptions.Ablation, AnnOptions.Scale], AnnOptions.Ablation),
            (o, v) => o with { Grid = v } },
        { Choices("--kinds", "Index kinds to build (default: all)", IndexKinds.All), (o, v) => o with { Kinds = v } },
        { Number("--queries", "Queries per measurement", Defaults.Queries), (o, v) => o with { Queries = v } },
        { Flag("--without-faiss", "Do not search the same files with the FAISS library, even if it is installed"), (o, v) => o with { WithFaiss = !v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "ann-benchmark", "Measure recall, latency, memory and build time of every kind of index", Settings,
        (parse, context) => AnnBenchmarkStep.RunAsync(Settings.Read(parse, Defaults), context), Show);

    private static void Show(AnnReport report, RunConsole console)
    {
        foreach (AnnMeasurement m in report.Measurements)
        {
            console.WriteLine($"{m.Index,-16} {m.Width,5} {m.Engine,-12} recall@10 {m.RecallAt10:F3}, @100 {m.RecallAt100:F3}, "
                + $"{m.Ms,8:F3} ms, {m.MemoryMb,7:F0} MB, built in {m.BuildSeconds:F1} s");
        }
    }
}
