using System.CommandLine;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class TrainRetrieverCommand
{
    private static readonly Option<string> PresetName = Choice(
        "--preset", "Preset for every setting that no option sets; auto chooses by the data", TrainingNames.Presets, "auto");

    private static readonly OptionSet<TrainRetrieverOptions> Settings = new()
    {
        { Choice("--block", "Kind of transformer block", BlockKinds.All), (o, v) => o with { Block = v } },
        { Choice("--positions", "Position encoding", Positions.All), (o, v) => o with { Positions = v } },
        { Flag("--time-bias", "Let attention scores depend on the time between interactions; requires relative positions"), (o, v) => o with { TimeBias = v } },
        { Choice("--item-content", "Add learned embeddings of categories, attributes and title words to the items' own embeddings; 'alternate' does so in every second of several --members", ["yes", "no", "alternate"]), (o, v) => o with { ItemContent = v != "no", AlternateContent = v == "alternate" } },
        { Width("--dimension", "Embedding dimension"), (o, v) => o with { Dimension = v } },
        { Number("--blocks", "Number of transformer blocks"), (o, v) => o with { Blocks = v } },
        { Number("--heads", "Attention heads; must divide the dimension"), (o, v) => o with { Heads = v } },
        { Width("--feed-forward", "Hidden width of the SwiGLU layer"), (o, v) => o with { FeedForward = v } },
        { Width("--max-length", "Maximum number of history items that the model reads"), (o, v) => o with { MaxLength = v } },
        { Share("--dropout", "Dropout rate"), (o, v) => o with { Dropout = v } },
        { Choice("--loss", "Loss", RetrieverLossNames.All), (o, v) => o with { Loss = RetrieverLossNames.Parse(v) } },
        { PositiveReal("--temperature", "Softmax temperature of the cosine"), (o, v) => o with { Temperature = v } },
        { Number("--negatives", "Items that sampled-softmax draws per step", most: 1_000_000), (o, v) => o with { Negatives = v } },
        { LearningRate("--learning-rate", "Learning rate"), (o, v) => o with { LearningRate = v } },
        { Real("--weight-decay", "Weight decay of AdamW"), (o, v) => o with { WeightDecay = v } },
        { Number("--warmup-steps", "Steps of linear learning-rate warm-up", least: 0), (o, v) => o with { WarmupSteps = v } },
        { Choice("--decay", "Learning-rate schedule after warm-up", ["none", "cosine"]), (o, v) => o with { Decay = Enum.Parse<LearningRateDecay>(v, ignoreCase: true) } },
        { Real("--gradient-norm", "Clip gradients to this norm; 0 disables clipping"), (o, v) => o with { GradientNorm = v } },
        { Choice("--precision", "Precision of matrix products in training and its validations; auto uses bf16 if the processor has instructions for it", ["auto", "bf16", "fp32"]),
            (o, v) => o with { ReducedPrecision = v == "auto" ? null : v == "bf16" } },
        { Number("--batch", "Users per step"), (o, v) => o with { BatchUsers = v } },
        { Number("--epochs", "Maximum number of epochs"), (o, v) => o with { Epochs = v } },
        { Number("--validate-every", "Epochs between validations"), (o, v) => o with { ValidateEvery = v } },
        { Number("--patience", "Stop after N validations without a better NDCG@10"), (o, v) => o with { Patience = v } },
        { Choice("--window", "Part of a long history to train on", ["last", "random"]), (o, v) => o with { Window = Enum.Parse<TrainingWindow>(v, ignoreCase: true) } },
        { Number("--members", "Networks to train independently, with successive seeds; their embeddings are concatenated; the preset auto trains two where that takes only minutes", most: 100), (o, v) => o with { Members = v > 1 ? v : null } },
        { Flag("--resume", "Resume from the last checkpoint"), (o, v) => o with { Resume = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-retriever", "Train the sequential transformer; keeps the best weights on validation", [PresetName, .. Settings],
        (parse, context) => TrainRetrieverStep.RunAsync(data => Choose(parse, data, context), context), Show);

    private static TrainRetrieverOptions Choose(ParseResult parse, DatasetSummary data, StepContext context)
    {
        Preset preset = Presets.Get(parse.GetRequiredValue(PresetName), data);
        TrainRetrieverOptions chosen = Settings.Read(parse, preset.Retriever);
        context.Progress.Report(new ProgressEvent { Message = preset.Describe(chosen) });
        return chosen;
    }

    private static void Show(TrainRetrieverSummary summary, RunConsole console)
    {
        if (summary.Members is not { } members)
        {
            console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(summary.Seconds)}; kept epoch {summary.BestEpoch}: {Figures(summary)}");
            return;
        }

        foreach ((int member, TrainRetrieverSummary each) in members.Index())
        {
            console.WriteLine($"Member {member + 1}: {each.Epochs} epochs; kept epoch {each.BestEpoch}: {Figures(each)}");
        }

        console.WriteLine($"Together, in {ProgressText.Duration(summary.Seconds)}: {Figures(summary)}");
    }

    private static string Figures(TrainRetrieverSummary summary) =>
        $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}";
}

internal static class RefitCommand
{
    public static Command Create(CommandFactory factory) => factory.Create(
        "refit", "Retrain the selected retriever with the validation items; 'evaluate' uses it on test, 'export' exports it", [],
        (_, context) => RefitStep.RunAsync(context),
        (summary, console) => console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(summary.Seconds)}, validation items included"));
}

internal static class FinalFitCommand
{
    private static readonly FinalFitOptions Defaults = new();

    private static readonly OptionSet<FinalFitOptions> Settings = new()
    {
        { Number("--epochs", "Epochs over all interactions", Defaults.Epochs, most: 1_000), (o, v) => o with { Epochs = v } },
        { PositiveReal("--learning-rate-share", "Initial learning rate, as a share of the training's", Defaults.LearningRateShare), (o, v) => o with { LearningRateShare = v } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "final-fit", "Continue training the retriever on all interactions, held-out ones too, and recompute the chosen item lists; the metrics stay as before", Settings,
        (parse, context) => FinalFitStep.RunAsync(Settings.Read(parse, Defaults), context),
        (summary, console) => console.WriteLine($"{summary.Info.Epochs} epochs over {summary.Info.Interactions:N0} interactions in {ProgressText.Duration(summary.Seconds)}"));
}
