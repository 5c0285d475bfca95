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
        { Number("--positions", "Number of most recent training positions to mine per user", Defaults.PositionsPerUser), (o, v) => o with { PositionsPerUser = v } },
        { Real("--sample", "Share of these positions to mine, drawn at random", "more than 0 and at most 1", given => given is > 0 and <= 1, Defaults.Sample), (o, v) => o with { Sample = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "mine-negatives", "Find hard and random negatives for the ranker with the trained retriever", Settings,
        (parse, context) => MineNegativesStep.RunAsync(Settings.Read(parse, Defaults), context),
        (summary, console) => console.WriteLine($"{summary.Rows:N0} candidates for {summary.Positions:N0} training positions and {summary.ValidationPositions:N0} validation items"));
}

internal static class TrainRankerCommand
{
    private static readonly TrainRankerOptions Defaults = new();

    private static readonly OptionSet<TrainRankerOptions> Settings = new()
    {
        { Widths("--hidden", "Widths of the hidden layers", [.. Defaults.Hidden]), (o, v) => o with { Hidden = v } },
        { Choice("--loss", "Loss: pointwise (bce) or listwise", ["bce", "listwise"], "bce"), (o, v) => o with { Loss = Enum.Parse<RankerLossKind>(v, ignoreCase: true) } },
        { Choices("--signals", "Inputs besides embeddings and content", RankerSignals.All), (o, v) => o with { Signals = v } },
        { Share("--dropout", "Dropout rate", Defaults.Dropout), (o, v) => o with { Dropout = v } },
        { Share("--item-dropout", "Share of pairs whose item embedding is hidden, as if the item were new", Defaults.ItemDropout), (o, v) => o with { ItemDropout = v } },
        { LearningRate("--learning-rate", "Learning rate", Defaults.LearningRate), (o, v) => o with { LearningRate = v } },
        { Real("--weight-decay", "Weight decay of AdamW", Defaults.WeightDecay), (o, v) => o with { WeightDecay = v } },
        { Number("--batch", "Pairs per step", Defaults.BatchPairs, least: 2), (o, v) => o with { BatchPairs = v } },
        { Number("--epochs", "Maximum number of epochs", Defaults.Epochs), (o, v) => o with { Epochs = v } },
        { Number("--patience", "Stop after N epochs without a better NDCG@10 on validation", Defaults.Patience), (o, v) => o with { Patience = v } },
        { Flag("--resume", "Resume from the last checkpoint"), (o, v) => o with { Resume = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-ranker", "Train the ranker on the mined candidates, and choose its weight relative to the retriever on validation", Settings,
        (parse, context) => TrainRankerStep.RunAsync(Settings.Read(parse, Defaults), context), Show);

    private static void Show(TrainRankerSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(summary.Seconds)}; kept epoch {summary.BestEpoch}: "
            + $"validation AUC {summary.AucHard:F4} on hard and {summary.AucRandom:F4} on random negatives");
        console.WriteLine($"validation NDCG@10: retriever {summary.Retriever:F4}, ranker alone {summary.Plain:F4}, "
            + $"with the retriever's cosine (weight {summary.RetrieverWeight:0.###}) {summary.Fused:F4}");
    }
}
