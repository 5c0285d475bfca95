using System.CommandLine;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Commands;

internal static class TrainRankerCommand
{
    private static readonly TrainRankerOptions Defaults = new();
    private static readonly Option<double> Dropout = Settings.Real("--dropout", "Dropout rate", Defaults.Dropout);
    private static readonly Option<double> ItemDropout = Settings.Real("--item-dropout", "Share of pairs whose item embedding is hidden, as if the item were new", Defaults.ItemDropout);
    private static readonly Option<double> LearningRate = Settings.Real("--learning-rate", "AdamW's step", Defaults.LearningRate);
    private static readonly Option<double> WeightDecay = Settings.Real("--weight-decay", "AdamW's decay", Defaults.WeightDecay);
    private static readonly Option<int> Batch = Settings.Number("--batch", "Pairs of one step", Defaults.BatchPairs, least: 2);
    private static readonly Option<int> Epochs = Settings.Number("--epochs", "Most epochs", Defaults.Epochs);
    private static readonly Option<int> Patience = Settings.Number("--patience", "Epochs without a better AUC on validation before it ends", Defaults.Patience);

    public static Command Create(Verbs verbs) => verbs.Create(
        "train-ranker", "Train the second stage on the mined candidates, and weigh it against the first on validation",
        [Dropout, ItemDropout, LearningRate, WeightDecay, Batch, Epochs, Patience],
        (parse, context) => TrainRankerStep.RunAsync(Read(parse), context),
        Show);

    private static TrainRankerOptions Read(ParseResult parse) => new()
    {
        Dropout = parse.GetRequiredValue(Dropout),
        ItemDropout = parse.GetRequiredValue(ItemDropout),
        LearningRate = parse.GetRequiredValue(LearningRate),
        WeightDecay = parse.GetRequiredValue(WeightDecay),
        BatchPairs = parse.GetRequiredValue(Batch),
        Epochs = parse.GetRequiredValue(Epochs),
        Patience = parse.GetRequiredValue(Patience),
    };

    private static void Show(TrainRankerSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation AUC {summary.Auc:F4}; weight of the retriever's cosine {summary.RetrieverWeight:0.###}");
        console.WriteSummary(summary, TrainingJsonLines.Default.TrainRankerSummary);
    }
}
