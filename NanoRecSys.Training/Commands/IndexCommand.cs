using System.CommandLine;
using System.Text.Json;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class IndexCommand
{
    // Not limited while parsing: the step names the kinds that exist.
    private static readonly Option<string> Kind = new("--kind")
    {
        Description = "Kind of index, of " + string.Join(", ", IndexOptions.Kinds),
        DefaultValueFactory = _ => new IndexOptions().Kind,
    };

    private static readonly Option<int?> Lists = new("--lists") { Description = "Lists of the ivf kinds (nlist); about 4 sqrt(items) if not set", HelpName = "N" };
    private static readonly Option<int?> Parts = new("--parts") { Description = "Bytes of a code of ivf-pq (m); one for 8 dimensions if not set", HelpName = "N" };
    private static readonly Option<int?> Edges = new("--edges") { Description = "Edges of an item in hnsw (M); 32 if not set", HelpName = "N" };
    private static readonly Option<int?> Width = new("--width") { Description = "Lists searched (nprobe) or items kept in sight (efSearch); as few as reach --recall if not set", HelpName = "N" };
    private static readonly Option<double> Recall = new("--recall")
    {
        Description = "Share of the exact hundred nearest items that a search must find, 0 to 1",
        DefaultValueFactory = _ => new IndexOptions().Recall,
    };

    static IndexCommand()
    {
        foreach (Option option in new Option[] { Lists, Parts, Width })
        {
            option.AtLeast(1);
        }

        Edges.AtLeast(2);
    }

    public static Command Create(Verbs verbs) => verbs.Create(
        "index", "Build the index of the item embeddings as a FAISS file, and measure its recall and latency", [Kind, Lists, Parts, Edges, Width, Recall],
        (parse, context) => IndexStep.RunAsync(Read(parse), context),
        Show);

    private static IndexOptions Read(ParseResult parse) => new()
    {
        Kind = parse.GetRequiredValue(Kind),
        Lists = parse.GetValue(Lists),
        Parts = parse.GetValue(Parts),
        Edges = parse.GetValue(Edges),
        Width = parse.GetValue(Width),
        Recall = parse.GetValue(Recall),
    };

    private static void Show(IndexInfo index, RunConsole console)
    {
        console.WriteLine($"{index.File} ({index.Kind}): recall@10 {index.RecallAt10:P2}, recall@100 {index.RecallAt100:P2} of the exact neighbours, {index.LatencyMs:F3} ms a query on one thread");
        console.WriteJson(JsonSerializer.Serialize(index, ExportJsonLines.Default.IndexInfo));
    }
}
