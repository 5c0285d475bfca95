using System.CommandLine;
using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class TrainBaselineCommand
{
    private static readonly MatrixFactorizationOptions Factorization = new();
    private static readonly MlpUserTowerOptions Tower = new();

    private static readonly Option<string> Model = Choice(
        "--model", "Matrix factorization, or an MLP over the mean of the last items", [MatrixFactorization.ModelName, MlpUserTowerScorer.ModelName], MatrixFactorization.ModelName);

    private static readonly Option<int> Dimension = Number("--dimension", "Embedding dimension", Tower.Dimension);

    private static readonly OptionSet<MatrixFactorizationOptions> FactorizationSettings = new()
    {
        { Dimension, (options, value) => options with { Dimension = value } },
        { Number("--sweeps", "mf: number of sweeps over all users and items", Factorization.Sweeps), (options, value) => options with { Sweeps = value } },
        { Real("--unobserved-weight", "mf: weight of an unobserved interaction", Factorization.UnobservedWeight), (options, value) => options with { UnobservedWeight = value } },
        { Real("--regularization", "mf: regularization strength", Factorization.Regularization), (options, value) => options with { Regularization = value } },
        { Real("--decay", "mf: weight of an item in a history relative to the item after it", Factorization.Decay), (options, value) => options with { Decay = value } },
    };

    private static readonly OptionSet<MlpUserTowerOptions> TowerSettings = new()
    {
        { Dimension, (options, value) => options with { Dimension = value } },
        { Number("--hidden", "mlp-user-tower: width of the hidden layer", Tower.Hidden), (options, value) => options with { Hidden = value } },
        { Number("--history-length", "mlp-user-tower: number of most recent items to average", Tower.HistoryLength), (options, value) => options with { HistoryLength = value } },
        { Share("--dropout", "mlp-user-tower: dropout rate", Tower.Dropout), (options, value) => options with { Dropout = value } },
        { Choice("--loss", "mlp-user-tower: loss", RetrieverLossNames.All, Tower.Loss.ToName()), (options, value) => options with { Loss = RetrieverLossNames.Parse(value) } },
        { PositiveReal("--temperature", "mlp-user-tower: softmax temperature of the cosine", Tower.Temperature), (options, value) => options with { Temperature = value } },
        { PositiveReal("--learning-rate", "mlp-user-tower: learning rate", Tower.LearningRate), (options, value) => options with { LearningRate = value } },
        { Number("--batch", "mlp-user-tower: positions per step", Tower.BatchPositions), (options, value) => options with { BatchPositions = value } },
        { Number("--positions", "mlp-user-tower: positions per user and epoch", Tower.PositionsPerUser), (options, value) => options with { PositionsPerUser = value } },
        { Number("--epochs", "mlp-user-tower: maximum number of epochs", Tower.Epochs), (options, value) => options with { Epochs = value } },
        { Number("--patience", "mlp-user-tower: stop after N epochs without a better NDCG@10", Tower.Patience), (options, value) => options with { Patience = value } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-baseline", "Train a baseline for comparison; keeps the weights that are best on validation", [Model, .. FactorizationSettings.Union(TowerSettings)],
        (parse, context) => TrainBaselineStep.RunAsync(Read(parse), context), Show);

    private static TrainBaselineOptions Read(ParseResult parse) => parse.GetRequiredValue(Model) == MatrixFactorization.ModelName
        ? new TrainBaselineOptions { MatrixFactorization = FactorizationSettings.Read(parse, Factorization) }
        : new TrainBaselineOptions { MlpUserTower = TowerSettings.Read(parse, Tower) };

    private static void Show(TrainBaselineSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Model}: {summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
        console.WriteSummary(summary, TrainingJson.Default.TrainBaselineSummary);
    }
}
