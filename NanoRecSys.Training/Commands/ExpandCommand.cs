using System.CommandLine;
using System.Text.Json;
using NanoRecSys.Training.Indexing;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Commands;

internal static class ExpandCommand
{
    private static readonly Option<long> Rows = new("--rows") { Description = "Vectors to make", DefaultValueFactory = _ => 1_000_000 };
    private static readonly Option<string> Output = new("--output") { Description = "The .npy file to write", HelpName = "FILE", DefaultValueFactory = _ => "expanded.npy" };
    private static readonly Option<string?> Vectors = new("--vectors") { Description = "Vectors to start from, a float32 .npy file; the exported item embeddings if not set", HelpName = "FILE" };

    static ExpandCommand() => Rows.AtLeast(1);

    public static Command Create(Verbs verbs) => verbs.Create(
        "expand", "Make many vectors like the item embeddings, with their mean and variance, to measure indexes at scale", [Rows, Output, Vectors],
        (parse, context) => ExpandStep.RunAsync(new ExpandOptions(parse.GetValue(Rows), parse.GetRequiredValue(Output), parse.GetValue(Vectors)), context),
        Show);

    private static void Show(ExpandSummary made, RunConsole console)
    {
        console.WriteLine($"{made.Path}: {made.Rows:N0} x {made.Dimension}, {made.Bytes / 1e6:N0} MB");
        console.WriteJson(JsonSerializer.Serialize(made, TrainingJsonLines.Default.ExpandSummary));
    }
}
