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
        DefaultValueFactory = _ => IndexOptions.Flat,
    };

    public static Command Create(Verbs verbs) => verbs.Create(
        "index", "Build the index of the item embeddings as a FAISS file, and measure its recall", [Kind],
        (parse, context) => IndexStep.RunAsync(new IndexOptions { Kind = parse.GetRequiredValue(Kind) }, context),
        Show);

    private static void Show(IndexInfo index, RunConsole console)
    {
        console.WriteLine($"{index.File} ({index.Kind}): recall@10 {index.RecallAt10:P2}, recall@100 {index.RecallAt100:P2} of the exact neighbours");
        console.WriteJson(JsonSerializer.Serialize(index, ExportJsonLines.Default.IndexInfo));
    }
}
