using System.CommandLine;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Progress;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;
using static NanoRecSys.Training.Commands.Options;

namespace NanoRecSys.Training.Commands;

internal static class TrainRetrieverCommand
{
    private static readonly Option<string> PresetName = Choice("--preset", "Preset for every setting that no option sets; auto chooses by the data", Presets.Names, "auto");

    private static readonly OptionSet<TrainRetrieverOptions> Settings = new()
    {
        { Choice("--block", "Kind of transformer block", BlockKinds.All), (options, value) => options with { Block = value } },
        { Choice("--positions", "Position encoding", Positions.All), (options, value) => options with { Positions = value } },
        { Flag("--time-bias", "Let attention scores depend on the time between interactions; requires relative positions"), (options, value) => options with { TimeBias = value } },
        { Number("--dimension", "Embedding dimension"), (options, value) => options with { Dimension = value } },
        { Number("--blocks", "Number of transformer blocks"), (options, value) => options with { Blocks = value } },
        { Number("--heads", "Attention heads; must divide the dimension"), (options, value) => options with { Heads = value } },
        { Number("--feed-forward", "Hidden width of the SwiGLU layer"), (options, value) => options with { FeedForward = value } },
        { Number("--max-length", "Maximum number of history items that the model reads"), (options, value) => options with { MaxLength = value } },
        { Share("--dropout", "Dropout rate"), (options, value) => options with { Dropout = value } },
        { Choice("--loss", "Loss", RetrieverLossNames.All), (options, value) => options with { Loss = RetrieverLossNames.Parse(value) } },
        { PositiveReal("--temperature", "Softmax temperature of the cosine"), (options, value) => options with { Temperature = value } },
        { Number("--negatives", "Items that sampled-softmax draws per step"), (options, value) => options with { Negatives = value } },
        { PositiveReal("--learning-rate", "Learning rate"), (options, value) => options with { LearningRate = value } },
        { Real("--weight-decay", "Weight decay of AdamW"), (options, value) => options with { WeightDecay = value } },
        { Number("--warmup-steps", "Steps of linear learning-rate warm-up", least: 0), (options, value) => options with { WarmupSteps = value } },
        { Choice("--decay", "Learning-rate schedule after warm-up", ["none", "cosine"]), (options, value) => options with { Decay = Enum.Parse<LearningRateDecay>(value, ignoreCase: true) } },
        { Real("--gradient-norm", "Clip gradients to this norm; 0 disables clipping"), (options, value) => options with { GradientNorm = value } },
        {
            Choice("--precision", "Precision of matrix products in training and its validations; auto uses bf16 if the processor has instructions for it", ["auto", "bf16", "fp32"]),
            (options, value) => options with { ReducedPrecision = value == "auto" ? null : value == "bf16" }
        },
        { Number("--batch", "Users per step"), (options, value) => options with { BatchUsers = value } },
        { Number("--epochs", "Maximum number of epochs"), (options, value) => options with { Epochs = value } },
        { Number("--validate-every", "Epochs between validations"), (options, value) => options with { ValidateEvery = value } },
        { Number("--patience", "Stop after N validations without a better NDCG@10"), (options, value) => options with { Patience = value } },
        { Choice("--window", "Part of a long history to train on", ["last", "random"]), (options, value) => options with { Window = Enum.Parse<TrainingWindow>(value, ignoreCase: true) } },
        { Flag("--resume", "Resume from the last checkpoint"), (options, value) => options with { Resume = value } },
    };

    public static Command Create(CommandFactory factory) => factory.Create(
        "train-retriever", "Train the sequential transformer; keeps the weights that are best on validation", [PresetName, .. Settings],
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
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
        console.WriteSummary(summary, TrainingJson.Default.TrainRetrieverSummary);
    }
}
