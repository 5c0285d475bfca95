using System.CommandLine;
using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Commands;

internal static class TrainBaselineCommand
{
    private static readonly MatrixFactorizationOptions Factorization = new();
    private static readonly MlpUserTowerOptions Tower = new();

    private static readonly Option<string> Model = Settings.Choice(
        "--model", "Matrix factorisation, or an MLP over the mean of the last items", MatrixFactorization.ModelName, [MatrixFactorization.ModelName, MlpUserTowerScorer.ModelName]);

    private static readonly Option<int> Dimension = Settings.Number("--dimension", "Width of an embedding", Tower.Dimension);
    private static readonly Option<int> Sweeps = Settings.Number("--sweeps", "mf: times that all users and items are solved for", Factorization.Sweeps);
    private static readonly Option<double> Unobserved = Settings.Real("--unobserved-weight", "mf: what an interaction that is not there weighs", Factorization.UnobservedWeight);
    private static readonly Option<double> Regularization = Settings.Real("--regularization", "mf: how much factors are held back", Factorization.Regularization);
    private static readonly Option<double> Decay = Settings.Real("--decay", "mf: how much less an item of a history counts than the one after it", Factorization.Decay);
    private static readonly Option<int> Hidden = Settings.Number("--hidden", "mlp-user-tower: width of the hidden layer", Tower.Hidden);
    private static readonly Option<int> HistoryLength = Settings.Number("--history-length", "mlp-user-tower: most recent items that are averaged", Tower.HistoryLength);
    private static readonly Option<double> Dropout = Settings.Share("--dropout", "mlp-user-tower: dropout rate").WithDefault(Tower.Dropout);
    private static readonly Option<string> Loss = Settings.Choice(
        "--loss", "mlp-user-tower: what is minimised", Tower.Loss.ToName(), [.. Enum.GetValues<RetrieverLoss>().Select(loss => loss.ToName())]);

    private static readonly Option<double> Temperature = Settings.PositiveReal("--temperature", "mlp-user-tower: divides the cosine in the loss").WithDefault(Tower.Temperature);
    private static readonly Option<double> LearningRate = Settings.PositiveReal("--learning-rate", "mlp-user-tower: AdamW's step").WithDefault(Tower.LearningRate);
    private static readonly Option<int> Batch = Settings.Number("--batch", "mlp-user-tower: positions of one step", Tower.BatchPositions);
    private static readonly Option<int> Positions = Settings.Number("--positions", "mlp-user-tower: positions of a user in one epoch", Tower.PositionsPerUser);
    private static readonly Option<int> Epochs = Settings.Number("--epochs", "mlp-user-tower: most epochs", Tower.Epochs);
    private static readonly Option<int> Patience = Settings.Number("--patience", "mlp-user-tower: epochs without a better NDCG@10 before it ends", Tower.Patience);

    public static Command Create(Verbs verbs) => verbs.Create(
        "train-baseline", "Train what the retriever is compared with; the weights that are best on validation are kept",
        [Model, Dimension, Sweeps, Unobserved, Regularization, Decay, Hidden, HistoryLength, Dropout, Loss, Temperature, LearningRate, Batch, Positions, Epochs, Patience],
        (parse, context) => TrainBaselineStep.RunAsync(Read(parse), context),
        Show);

    private static TrainBaselineOptions Read(ParseResult parse) => parse.GetRequiredValue(Model) == MatrixFactorization.ModelName
        ? new TrainBaselineOptions
        {
            MatrixFactorization = Factorization with
            {
                Dimension = parse.GetRequiredValue(Dimension),
                Sweeps = parse.GetRequiredValue(Sweeps),
                UnobservedWeight = parse.GetRequiredValue(Unobserved),
                Regularization = parse.GetRequiredValue(Regularization),
                Decay = parse.GetRequiredValue(Decay),
            },
        }
        : new TrainBaselineOptions
        {
            MlpUserTower = Tower with
            {
                Dimension = parse.GetRequiredValue(Dimension),
                Hidden = parse.GetRequiredValue(Hidden),
                HistoryLength = parse.GetRequiredValue(HistoryLength),
                Dropout = parse.GetRequiredValue(Dropout),
                Loss = Enum.GetValues<RetrieverLoss>().Single(loss => loss.ToName() == parse.GetRequiredValue(Loss)),
                Temperature = parse.GetRequiredValue(Temperature),
                LearningRate = parse.GetRequiredValue(LearningRate),
                BatchPositions = parse.GetRequiredValue(Batch),
                PositionsPerUser = parse.GetRequiredValue(Positions),
                Epochs = parse.GetRequiredValue(Epochs),
                Patience = parse.GetRequiredValue(Patience),
            },
        };

    private static void Show(TrainBaselineSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Model}: {summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
        console.WriteSummary(summary, TrainingJsonLines.Default.TrainBaselineSummary);
    }
}
