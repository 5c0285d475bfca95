using System.CommandLine;
using System.Text.Json;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing.Ann;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class AnnBenchmarkCommand
{
    private static readonly Option<string?> Vectors = new("--vectors") { Description = "Vectors as a float32 .npy file; the exported item embeddings if not set", HelpName = "FILE" };
    private static readonly Option<string> Output = new("--output") { Description = "Folder for ann.json, ann.csv, ann.md and the plot", HelpName = "DIR", DefaultValueFactory = _ => "ann" };
    private static readonly Option<int> Queries = new("--queries") { Description = "Queries of every measurement", DefaultValueFactory = _ => new AnnOptions { Output = "" }.Queries };
    private static readonly Option<bool> WithoutFaiss = new("--without-faiss") { Description = "Do not search the same files with the FAISS library where it is installed" };
    private static readonly Option<string> Grid = new("--grid")
    {
        Description = "ablation (256 to 1024 lists, codes of 32 and 64 bytes) or scale (for a million vectors and more)",
        DefaultValueFactory = _ => AnnOptions.Ablation,
    };

    private static readonly Option<string[]> Kinds = new("--kinds")
    {
        Description = "Those of the grid to build, of " + string.Join(", ", IndexKinds.All) + "; all unless told",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [.. IndexKinds.All],
    };

    static AnnBenchmarkCommand()
    {
        Kinds.AcceptOnlyFromAmong([.. IndexKinds.All]);
        Queries.AtLeast(1);
        Grid.AcceptOnlyFromAmong(AnnOptions.Ablation, AnnOptions.Scale);
    }

    public static Command Create(Verbs verbs) => verbs.Create(
        "ann-benchmark", "Measure recall, latency, memory and build time of every kind of index", [Vectors, Output, Grid, Kinds, Queries, WithoutFaiss],
        (parse, context) => AnnBenchmarkStep.RunAsync(
            new AnnOptions
            {
                Vectors = parse.GetValue(Vectors),
                Output = parse.GetRequiredValue(Output),
                Grid = parse.GetRequiredValue(Grid),
                Kinds = parse.GetRequiredValue(Kinds),
                Queries = parse.GetValue(Queries),
                WithFaiss = !parse.GetValue(WithoutFaiss),
            },
            context),
        Show);

    private static void Show(AnnReport report, RunConsole console)
    {
        foreach (AnnMeasurement m in report.Measurements)
        {
            console.WriteLine($"{m.Index,-16} {m.Width,5} {m.Engine,-12} recall@10 {m.RecallAt10:F3}, @100 {m.RecallAt100:F3}, {m.Ms,8:F3} ms, {m.MemoryMb,7:F0} MB, built in {m.BuildSeconds:F1} s");
        }

        console.WriteJson(JsonSerializer.Serialize(report, TrainingJsonLines.Default.AnnReport));
    }
}
