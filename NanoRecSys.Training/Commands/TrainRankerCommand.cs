using System.CommandLine;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.Training.Commands;

internal static class TrainRankerCommand
{
    private static readonly TrainRankerOptions Defaults = new();
    private static readonly Option<double> Dropout = Settings.Share("--dropout", "Dropout rate").WithDefault(Defaults.Dropout);
    private static readonly Option<double> ItemDropout = Settings.Real("--item-dropout", "Share of pairs whose item embedding is hidden, as if the item were new", Defaults.ItemDropout);
    private static readonly Option<double> LearningRate = Settings.PositiveReal("--learning-rate", "AdamW's step").WithDefault(Defaults.LearningRate);
    private static readonly Option<double> WeightDecay = Settings.Real("--weight-decay", "AdamW's decay", Defaults.WeightDecay);
    private static readonly Option<int> Batch = Settings.Number("--batch", "Pairs of one step", Defaults.BatchPairs, least: 2);
    private static readonly Option<int> Epochs = Settings.Number("--epochs", "Most epochs", Defaults.Epochs);
    private static readonly Option<int> Patience = Settings.Number("--patience", "Epochs without a better NDCG@10 on validation before it ends", Defaults.Patience);
    private static readonly Option<string> Loss = Settings.Choice("--loss", "Of each candidate, or of the whole list", "bce", ["bce", "listwise"]);
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on from the last checkpoint" };
    private static readonly Option<int[]> Hidden = new("--hidden") { Description = "Widths of the hidden layers", AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [.. Defaults.Hidden] };
    private static readonly Option<string[]> Signals = new("--signals")
    {
        Description = "What it reads beside embeddings and content, of " + string.Join(", ", RankerSignals.All),
        AllowMultipleArgumentsPerToken = true,
    };

    static TrainRankerCommand()
    {
        Signals.AcceptOnlyFromAmong([.. RankerSignals.All]);
        Hidden.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => int.TryParse(token.Value, out int width) && width < 1))
            {
                result.AddError("--hidden must be widths of 1 or more.");
            }
        });
    }

    public static Command Create(Verbs verbs) => verbs.Create(
        "train-ranker", "Train the second stage on the mined candidates, and weigh it against the first on validation",
        [Hidden, Loss, Signals, Dropout, ItemDropout, LearningRate, WeightDecay, Batch, Epochs, Patience, Resume],
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
        Hidden = parse.GetRequiredValue(Hidden),
        Loss = Enum.Parse<RankerLossKind>(parse.GetRequiredValue(Loss), ignoreCase: true),
        Signals = parse.GetValue(Signals) ?? [],
        Resume = parse.GetValue(Resume),
    };

    private static void Show(TrainRankerSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation AUC {summary.AucHard:F4} on hard and {summary.AucRandom:F4} on random negatives");
        console.WriteLine($"validation NDCG@10: retriever {summary.Retriever:F4}, ranker alone {summary.Plain:F4}, "
            + $"with the retriever's cosine (weight {summary.RetrieverWeight:0.###}) {summary.Fused:F4}");
        console.WriteSummary(summary, TrainingJsonLines.Default.TrainRankerSummary);
    }
}
