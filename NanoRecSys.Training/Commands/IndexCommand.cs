using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class IndexCommand
{
    private static readonly IndexOptions Defaults = new();

    private static readonly OptionSet<IndexOptions> Settings = new()
    {
        { Choice("--kind", "Kind of index", IndexOptions.Kinds, Defaults.Kind), (o, v) => o with { Kind = v } },
        { Number("--lists", "Number of lists of an ivf index, nlist (default: about 4 sqrt(items))"), (o, v) => o with { Lists = v } },
        { Number("--parts", "Bytes per code of ivf-pq, m (default: one for 8 dimensions)"), (o, v) => o with { Parts = v } },
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
