using System.CommandLine;
using NanoRecSys.Training.Indexing.Ann;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class IndexCommand
{
    private static readonly IndexOptions Defaults = new();

    private static readonly OptionSet<IndexOptions> Settings = new()
    {
        { Choice("--kind", "Kind of index", IndexOptions.Kinds, Defaults.Kind), (o, v) => o with { Kind = v } },
        { Number("--lists", "Number of lists of an ivf index, nlist (default: about 4 sqrt(items))"), (o, v) => o with { Lists = v } },
        { Number("--parts", "Bytes per code of ivf-pq, m (default: one per 8 dimensions)"), (o, v) => o with { Parts = v } },
        { Number("--edges", "Edges per item of hnsw, M (default: 32)", least: 2), (o, v) => o with { Edges = v } },
        { Number("--width", "Search width: lists visited (nprobe) or candidates kept (efSearch) (default: the smallest that reaches --recall)"), (o, v) => o with { Width = v } },
        { Real("--recall", $"Required recall of the exact 100 nearest items (default: {IndexOptions.DefaultRecall}; with --width any)", "between 0 and 1", given => given is >= 0 and <= 1),
            (o, v) => o with { Recall = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "index", "Build the index of the item embeddings as a FAISS file, and measure its recall and latency", Settings,
        (parse, context) => IndexStep.RunAsync(Settings.Read(parse, Defaults), context),
        (index, console) => console.WriteLine($"{index.File} ({index.Kind}): recall@10 {index.RecallAt10:P2}, recall@100 {index.RecallAt100:P2} "
            + $"of the exact neighbours, {index.LatencyMs:F3} ms per query on one thread"));
}

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

internal static class ExpandCommand
{
    private static readonly ExpandOptions Defaults = new(1_000_000, "expanded.npy", null);

    private static readonly OptionSet<ExpandOptions> Settings = new()
    {
        { Number("--rows", "Number of vectors to generate", (int)Defaults.Rows), (o, v) => o with { Rows = v } },
        { Text("--output", "The .npy file to write", "FILE", Defaults.Output), (o, v) => o with { Output = v } },
        { Text("--vectors", "Vectors to start from, a float32 .npy file (default: the exported item embeddings)", "FILE"), (o, v) => o with { Source = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "expand", "Generate many vectors with the mean and variance of the item embeddings, to measure indexes at scale", Settings,
        (parse, context) => ExpandStep.RunAsync(Settings.Read(parse, Defaults), context),
        (made, console) => console.WriteLine($"{made.Path}: {made.Rows:N0} x {made.Dimension}, {made.Bytes / 1e6:N0} MB"));
}
