using System.CommandLine;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Data;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;
using static NanoRecSys.Training.Commands.RetrieverSetting;
using static NanoRecSys.Training.Commands.Settings;

namespace NanoRecSys.Training.Commands;

internal static class TrainRetrieverCommand
{
    private static readonly Option<string> PresetName = Choice("--preset", "Whose settings hold where no option says otherwise; auto goes by the data", "auto", [.. Presets.Names]);
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on from the last checkpoint" };

    private static readonly IReadOnlyList<RetrieverSetting> Tuned =
    [
        Of(Choice("--block", "What the tower is built of", [.. BlockKinds.All]), (options, value) => options with { Block = value }),
        Of(Choice("--positions", "How it knows the order", [.. Positions.All]), (options, value) => options with { Positions = value }),
        Of(Flag("--time-bias", "Let scores depend on the time between interactions; with relative positions"), (options, value) => options with { TimeBias = value }),
        Of(NumberWithoutDefault("--dimension", "Width of an embedding", least: 1), (options, value) => options with { Dimension = value }),
        Of(NumberWithoutDefault("--blocks", "Blocks, one on another", least: 1), (options, value) => options with { Blocks = value }),
        Of(NumberWithoutDefault("--heads", "Attention heads; the dimension is a multiple of it", least: 1), (options, value) => options with { Heads = value }),
        Of(NumberWithoutDefault("--feed-forward", "Hidden width of SwiGLU", least: 1), (options, value) => options with { FeedForward = value }),
        Of(NumberWithoutDefault("--max-length", "Most items of a history that are read", least: 1), (options, value) => options with { MaxLength = value }),
        Of(Share("--dropout", "Dropout rate"), (options, value) => options with { Dropout = value }),
        Of(Choice("--loss", "What is minimised", [.. Enum.GetValues<RetrieverLoss>().Select(loss => loss.ToName())]), (options, value) => options with { Loss = Enum.GetValues<RetrieverLoss>().Single(loss => loss.ToName() == value) }),
        Of(PositiveReal("--temperature", "Divides the cosine in the loss"), (options, value) => options with { Temperature = value }),
        Of(NumberWithoutDefault("--negatives", "Items that sampled-softmax draws per step", least: 1), (options, value) => options with { Negatives = value }),
        Of(PositiveReal("--learning-rate", "AdamW's step"), (options, value) => options with { LearningRate = value }),
        Of(Real("--weight-decay", "AdamW's decay"), (options, value) => options with { WeightDecay = value }),
        Of(NumberWithoutDefault("--warmup-steps", "Steps in which the learning rate grows from zero", least: 0), (options, value) => options with { WarmupSteps = value }),
        Of(Choice("--decay", "Of the learning rate after the warm-up", ["none", "cosine"]), (options, value) => options with { Decay = Enum.Parse<LearningRateDecay>(value, ignoreCase: true) }),
        Of(Real("--gradient-norm", "Gradients are scaled down to it; 0: never"), (options, value) => options with { GradientNorm = value }),
        Of(Choice("--precision", "Of products in training and its validations; auto: bf16 where the processor has it", ["auto", "bf16", "fp32"]), (options, value) => options with { ReducedPrecision = value == "auto" ? null : value == "bf16" }),
        Of(NumberWithoutDefault("--batch", "Users of one step", least: 1), (options, value) => options with { BatchUsers = value }),
        Of(NumberWithoutDefault("--epochs", "Most epochs", least: 1), (options, value) => options with { Epochs = value }),
        Of(NumberWithoutDefault("--validate-every", "Epochs between validations", least: 1), (options, value) => options with { ValidateEvery = value }),
        Of(NumberWithoutDefault("--patience", "Validations without a better NDCG@10 before it ends", least: 1), (options, value) => options with { Patience = value }),
        Of(Choice("--window", "What of a long history trains", ["last", "random"]), (options, value) => options with { Window = Enum.Parse<TrainingWindow>(value, ignoreCase: true) }),
    ];

    public static Command Create(Verbs verbs) => verbs.Create(
        "train-retriever", "Train the sequential transformer; the weights that are best on validation are kept",
        [PresetName, .. Tuned.Select(setting => setting.Option), Resume],
        (parse, context) => TrainRetrieverStep.RunAsync(data => Choose(parse, data, context), context),
        Show);

    private static TrainRetrieverOptions Choose(ParseResult parse, DatasetSummary data, StepContext context)
    {
        Preset preset = Presets.Get(parse.GetRequiredValue(PresetName), data);
        TrainRetrieverOptions chosen = Tuned.Aggregate(preset.Retriever, (options, setting) => setting.Apply(parse, options));
        context.Progress.Report(new StepProgress { Message = preset.Describe(chosen) });
        return chosen with { Resume = parse.GetValue(Resume) };
    }

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static void Show(TrainRetrieverSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
        console.WriteSummary(summary, TrainingJsonLines.Default.TrainRetrieverSummary);
    }
}
