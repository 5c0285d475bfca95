using System.CommandLine;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Ranking;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class TrainRankerCommand
{
    private static readonly TrainRankerOptions Defaults = new();

    private static readonly OptionSet<TrainRankerOptions> Settings = new()
    {
        { Widths("--hidden", "Widths of the hidden layers"), (options, value) => options with { Hidden = value } },
        { Choice("--loss", "Loss: pointwise (bce) or listwise", ["bce", "listwise"], "bce"), (options, value) => options with { Loss = Enum.Parse<RankerLossKind>(value, ignoreCase: true) } },
        { Choices("--signals", "Inputs beside embeddings and content", RankerSignals.All), (options, value) => options with { Signals = value } },
        { Share("--dropout", "Dropout rate", Defaults.Dropout), (options, value) => options with { Dropout = value } },
        { Real("--item-dropout", "Share of pairs whose item embedding is hidden, as if the item were new", Defaults.ItemDropout), (options, value) => options with { ItemDropout = value } },
        { PositiveReal("--learning-rate", "Learning rate", Defaults.LearningRate), (options, value) => options with { LearningRate = value } },
        { Real("--weight-decay", "Weight decay of AdamW", Defaults.WeightDecay), (options, value) => options with { WeightDecay = value } },
        { Number("--batch", "Pairs per step", Defaults.BatchPairs, least: 2), (options, value) => options with { BatchPairs = value } },
        { Number("--epochs", "Maximum number of epochs", Defaults.Epochs), (options, value) => options with { Epochs = value } },
        { Number("--patience", "Stop after N epochs without a better NDCG@10 on validation", Defaults.Patience), (options, value) => options with { Patience = value } },
        { Flag("--resume", "Resume from the last checkpoint"), (options, value) => options with { Resume = value } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-ranker", "Train the ranker on the mined candidates, and choose its weight beside the retriever on validation", Settings,
        (parse, context) => TrainRankerStep.RunAsync(Settings.Read(parse, Defaults), context), Show);

    private static Option<int[]> Widths(string name, string description)
    {
        var option = new Option<int[]>(name) { Description = description, AllowMultipleArgumentsPerToken = true, DefaultValueFactory = _ => [.. Defaults.Hidden] };
        option.Validators.Add(result =>
        {
            if (result.Tokens.Any(token => int.TryParse(token.Value, out int width) && width < 1))
            {
                result.AddError($"{name} must be widths of 1 or more.");
            }
        });
        return option;
    }

    private static void Show(TrainRankerSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation AUC {summary.AucHard:F4} on hard and {summary.AucRandom:F4} on random negatives");
        console.WriteLine($"validation NDCG@10: retriever {summary.Retriever:F4}, ranker alone {summary.Plain:F4}, "
            + $"with the retriever's cosine (weight {summary.RetrieverWeight:0.###}) {summary.Fused:F4}");
        console.WriteSummary(summary, TrainingJson.Default.TrainRankerSummary);
    }
}
