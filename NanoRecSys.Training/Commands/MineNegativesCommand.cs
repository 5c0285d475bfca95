using System.CommandLine;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Commands;

internal static class MineNegativesCommand
{
    private static readonly MineNegativesOptions Defaults = new();
    private static readonly Option<int> Candidates = Settings.Number("--candidates", "Hard negatives come from this many best items of the retriever", Defaults.Candidates);
    private static readonly Option<int> Skip = Settings.Number("--skip", "Best items that are left out: many of them the user would have liked, too", Defaults.Skip, least: 0);
    private static readonly Option<int> Hard = Settings.Number("--hard", "Hard negatives of each positive", Defaults.Hard, least: 0);
    private static readonly Option<int> Random = Settings.Number("--random", "Uniform negatives of each positive", Defaults.Random, least: 0);
    private static readonly Option<int> Positions = Settings.Number("--positions", "Positions of each user's training part that are mined, the latest ones", Defaults.PositionsPerUser);

    private static readonly Option<double> Sample = Settings.Real("--sample", "Share of these positions that are mined, drawn at random", Defaults.Sample);

    public static Command Create(Verbs verbs) => verbs.Create(
        "mine-negatives", "Find hard and random negatives for the ranker with the trained retriever",
        [Candidates, Skip, Hard, Random, Positions, Sample],
        (parse, context) => MineNegativesStep.RunAsync(Read(parse), context),
        Show);

    private static MineNegativesOptions Read(ParseResult parse) => new()
    {
        Candidates = parse.GetRequiredValue(Candidates),
        Skip = parse.GetRequiredValue(Skip),
        Hard = parse.GetRequiredValue(Hard),
        Random = parse.GetRequiredValue(Random),
        PositionsPerUser = parse.GetRequiredValue(Positions),
        Sample = parse.GetRequiredValue(Sample),
    };

    private static void Show(MineNegativesSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Rows:N0} candidates for {summary.Positions:N0} training positions and {summary.ValidationPositions:N0} validation items");
        console.WriteSummary(summary, TrainingJsonLines.Default.MineNegativesSummary);
    }
}
