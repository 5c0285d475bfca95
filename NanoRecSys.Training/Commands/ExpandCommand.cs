using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

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
