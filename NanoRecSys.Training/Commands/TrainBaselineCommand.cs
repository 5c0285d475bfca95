using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class TrainBaselineCommand
{
    private static readonly MatrixFactorizationOptions Factorization = new();
    private static readonly EaseOptions Linear = new();
    private static readonly MlpUserTowerOptions Tower = new();

    private static readonly Option<string> Model = Choice(
        "--model", "Matrix factorization, EASE, or an MLP over the mean of the last items",
        [MatrixFactorization.ModelName, Ease.ModelName, MlpUserTowerScorer.ModelName], MatrixFactorization.ModelName);

    private static readonly Option<double> Decay = Real(
        "--decay", $"mf, ease: weight of an item in a history relative to the item after it (default: mf {Factorization.Decay}, ease {Linear.Decay})",
        "more than 0 and at most 1", given => given is > 0 and <= 1);

    private static readonly Option<int> Dimension = Width("--dimension", "Embedding dimension", Tower.Dimension);

    private static readonly OptionSet<MatrixFactorizationOptions> FactorizationSettings = new()
    {
        { Dimension, (o, v) => o with { Dimension = v } },
        { Number("--sweeps", "mf: number of sweeps over all users and items", Factorization.Sweeps), (o, v) => o with { Sweeps = v } },
        { Real("--unobserved-weight", "mf: weight of an unobserved interaction", Factorization.UnobservedWeight), (o, v) => o with { UnobservedWeight = v } },
        { Real("--regularization", "mf: regularization strength", Factorization.Regularization), (o, v) => o with { Regularization = v } },
        { Decay, (o, v) => o with { Decay = v } },
    };

    private static readonly OptionSet<EaseOptions> LinearSettings = new()
    {
        { Widths("--penalty", "ease: L2 penalties to choose from on validation", [.. Linear.Penalties]), (o, v) => o with { Penalties = v } },
        { Number("--neighbours", "ease: strongest entries to keep for each item", Linear.Neighbours, most: 10_000), (o, v) => o with { Neighbours = v } },
        { Decay, (o, v) => o with { Decay = v } },
    };

    private static readonly OptionSet<MlpUserTowerOptions> TowerSettings = new()
    {
        { Dimension, (o, v) => o with { Dimension = v } },
        { Width("--hidden", "mlp-user-tower: width of the hidden layer", Tower.Hidden), (o, v) => o with { Hidden = v } },
        { Width("--history-length", "mlp-user-tower: number of most recent items to average", Tower.HistoryLength), (o, v) => o with { HistoryLength = v } },
        { Share("--dropout", "mlp-user-tower: dropout rate", Tower.Dropout), (o, v) => o with { Dropout = v } },
        { Choice("--loss", "mlp-user-tower: loss", RetrieverLossNames.All, Tower.Loss.ToName()), (o, v) => o with { Loss = RetrieverLossNames.Parse(v) } },
        { PositiveReal("--temperature", "mlp-user-tower: softmax temperature of the cosine", Tower.Temperature), (o, v) => o with { Temperature = v } },
        { LearningRate("--learning-rate", "mlp-user-tower: learning rate", Tower.LearningRate), (o, v) => o with { LearningRate = v } },
        { Number("--batch", "mlp-user-tower: positions per step", Tower.BatchPositions), (o, v) => o with { BatchPositions = v } },
        { Number("--positions", "mlp-user-tower: positions per user and epoch", Tower.PositionsPerUser), (o, v) => o with { PositionsPerUser = v } },
        { Number("--epochs", "mlp-user-tower: maximum number of epochs", Tower.Epochs), (o, v) => o with { Epochs = v } },
        { Number("--patience", "mlp-user-tower: stop after N epochs without a better NDCG@10", Tower.Patience), (o, v) => o with { Patience = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-baseline", "Train a baseline for comparison; keeps the best weights on validation", [Model, .. FactorizationSettings.Union(LinearSettings).Union(TowerSettings)],
        (parse, context) => TrainBaselineStep.RunAsync(Read(parse), context), Show);

    private static TrainBaselineOptions Read(ParseResult parse) => parse.GetRequiredValue(Model) switch
    {
        MatrixFactorization.ModelName => new TrainBaselineOptions { MatrixFactorization = FactorizationSettings.Read(parse, Factorization) },
        Ease.ModelName => new TrainBaselineOptions { Ease = LinearSettings.Read(parse, Linear) },
        _ => new TrainBaselineOptions { MlpUserTower = TowerSettings.Read(parse, Tower) },
    };

    private static void Show(TrainBaselineSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Model}: {summary.Epochs} epochs in {ProgressText.Duration(summary.Seconds)}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
    }
}
