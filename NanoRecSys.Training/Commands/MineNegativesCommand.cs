using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class MineNegativesCommand
{
    private static readonly MineNegativesOptions Defaults = new();

    private static readonly OptionSet<MineNegativesOptions> Settings = new()
    {
        { Number("--candidates", "Draw hard negatives from the retriever's top N items", Defaults.Candidates, most: 1_000_000), (o, v) => o with { Candidates = v } },
        { Number("--skip", "Skip the top N candidates (likely false negatives)", Defaults.Skip, least: 0, most: 1_000_000), (o, v) => o with { Skip = v } },
        { Number("--hard", "Hard negatives per positive", Defaults.Hard, least: 0, most: 1_000_000), (o, v) => o with { Hard = v } },
        { Number("--random", "Uniformly drawn negatives per positive", Defaults.Random, least: 0, most: 1_000_000), (o, v) => o with { Random = v } },
        { Number("--positions", "Number of latest training positions to mine per user", Defaults.PositionsPerUser), (o, v) => o with { PositionsPerUser = v } },
        { Real("--sample", "Share of these positions to mine, drawn at random", "more than 0 and at most 1", given => given is > 0 and <= 1, Defaults.Sample), (o, v) => o with { Sample = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "mine-negatives", "Find hard and random negatives for the ranker with the trained retriever", Settings,
        (parse, context) => MineNegativesStep.RunAsync(Settings.Read(parse, Defaults), context),
        (summary, console) => console.WriteLine($"{summary.Rows:N0} candidates for {summary.Positions:N0} training positions and {summary.ValidationPositions:N0} validation items"));
}
