using System.CommandLine;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Pipeline;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Commands;

internal static class TrainRetrieverCommand
{
    private static readonly TrainRetrieverOptions Defaults = new();
    private static readonly Option<string> Block = Settings.Choice("--block", "What the tower is built of", Defaults.Block, [.. BlockKinds.All]);
    private static readonly Option<string> Position = Settings.Choice("--positions", "How it knows the order", Defaults.Positions, [.. Positions.All]);
    private static readonly Option<bool> TimeBias = new("--time-bias") { Description = "Let scores depend on the time between interactions; with relative positions" };
    private static readonly Option<double> GradientNorm = Settings.Real("--gradient-norm", "Gradients are scaled down to it; 0: never", Defaults.GradientNorm);
    private static readonly Option<string> PrecisionName = Settings.Choice("--precision", "Of products in training; auto: bf16 where the processor has it", "auto", ["auto", "bf16", "fp32"]);
    private static readonly Option<string> Decay = Settings.Choice("--decay", "Of the learning rate after the warm-up", "none", ["none", "cosine"]);
    private static readonly Option<int> Dimension = Settings.Number("--dimension", "Width of an embedding", Defaults.Dimension);
    private static readonly Option<int> Blocks = Settings.Number("--blocks", "Transformer blocks", Defaults.Blocks);
    private static readonly Option<int> Heads = Settings.Number("--heads", "Attention heads; the dimension is a multiple of it", Defaults.Heads);
    private static readonly Option<int> FeedForward = Settings.Number("--feed-forward", "Hidden width of SwiGLU", Defaults.FeedForward);
    private static readonly Option<int> MaxLength = Settings.Number("--max-length", "Most items of a history that are read", Defaults.MaxLength);
    private static readonly Option<double> Dropout = Settings.Real("--dropout", "Dropout rate", Defaults.Dropout);
    private static readonly Option<string> Loss = Settings.Choice("--loss", "What is minimised", Defaults.Loss.ToName(), [.. Enum.GetValues<RetrieverLoss>().Select(loss => loss.ToName())]);
    private static readonly Option<double> Temperature = Settings.Real("--temperature", "Divides the cosine in the loss", Defaults.Temperature);
    private static readonly Option<bool> LearnTemperature = new("--learn-temperature") { Description = "Train the temperature, too, from --temperature on" };
    private static readonly Option<int> Negatives = Settings.Number("--negatives", "Items that sampled-softmax draws per step", Defaults.Negatives);
    private static readonly Option<double> IdDropout = Settings.Real("--id-dropout", "Share of a history's items hidden in training", Defaults.IdDropout);
    private static readonly Option<double> LearningRate = Settings.Real("--learning-rate", "AdamW's step", Defaults.LearningRate);
    private static readonly Option<double> WeightDecay = Settings.Real("--weight-decay", "AdamW's decay", Defaults.WeightDecay);
    private static readonly Option<int> Warmup = Settings.Number("--warmup-steps", "Steps in which the learning rate grows from zero", Defaults.WarmupSteps, least: 0);
    private static readonly Option<int> Batch = Settings.Number("--batch", "Users of one step", Defaults.BatchUsers);
    private static readonly Option<int> Epochs = Settings.Number("--epochs", "Most epochs", Defaults.Epochs);
    private static readonly Option<int> ValidateEvery = Settings.Number("--validate-every", "Epochs between validations", Defaults.ValidateEvery);
    private static readonly Option<int> Patience = Settings.Number("--patience", "Validations without a better NDCG@10 before it ends", Defaults.Patience);
    private static readonly Option<string> Window = Settings.Choice("--window", "What of a long history trains", "last", ["last", "random", "sliding"]);
    private static readonly Option<bool> Resume = new("--resume") { Description = "Go on from the last checkpoint" };

    public static Command Create(Verbs verbs) => verbs.Create(
        "train-retriever", "Train the sequential transformer; the weights that are best on validation are kept",
        [Block, Position, TimeBias, Dimension, Blocks, Heads, FeedForward, MaxLength, Dropout, Loss, Temperature, LearnTemperature, Negatives, IdDropout, LearningRate, WeightDecay, Warmup, Decay, GradientNorm, PrecisionName, Batch, Epochs, ValidateEvery, Patience, Window, Resume],
        (parse, context) => TrainRetrieverStep.RunAsync(Read(parse), context),
        Show);

    private static TrainRetrieverOptions Read(ParseResult parse)
    {
        TrainRetrieverOptions options = Defaults with
        {
            Block = parse.GetRequiredValue(Block),
            Positions = parse.GetRequiredValue(Position),
            TimeBias = parse.GetValue(TimeBias),
            GradientNorm = parse.GetRequiredValue(GradientNorm),
            ReducedPrecision = parse.GetRequiredValue(PrecisionName) switch { "bf16" => true, "fp32" => false, _ => null },
            Decay = Enum.Parse<LearningRateDecay>(parse.GetRequiredValue(Decay), ignoreCase: true),
            Dimension = parse.GetRequiredValue(Dimension),
            Blocks = parse.GetRequiredValue(Blocks),
            Heads = parse.GetRequiredValue(Heads),
            FeedForward = parse.GetRequiredValue(FeedForward),
            MaxLength = parse.GetRequiredValue(MaxLength),
            Dropout = parse.GetRequiredValue(Dropout),
            Loss = Enum.GetValues<RetrieverLoss>().Single(loss => loss.ToName() == parse.GetRequiredValue(Loss)),
            Temperature = parse.GetRequiredValue(Temperature),
            LearnTemperature = parse.GetValue(LearnTemperature),
            Negatives = parse.GetRequiredValue(Negatives),
            IdDropout = parse.GetRequiredValue(IdDropout),
            LearningRate = parse.GetRequiredValue(LearningRate),
            WeightDecay = parse.GetRequiredValue(WeightDecay),
            WarmupSteps = parse.GetRequiredValue(Warmup),
            BatchUsers = parse.GetRequiredValue(Batch),
            Epochs = parse.GetRequiredValue(Epochs),
            ValidateEvery = parse.GetRequiredValue(ValidateEvery),
            Patience = parse.GetRequiredValue(Patience),
            Window = Enum.Parse<TrainingWindow>(parse.GetRequiredValue(Window), ignoreCase: true),
            Resume = parse.GetValue(Resume),
        };
        return options.Dimension % (2 * options.Heads) == 0
            ? options
            : throw new UserErrorException($"--dimension {options.Dimension} is not a multiple of twice --heads {options.Heads}, which the rotary embedding needs.");
    }

    private static void Show(TrainRetrieverSummary summary, RunConsole console)
    {
        console.WriteLine($"{summary.Epochs} epochs in {ProgressText.Duration(TimeSpan.FromSeconds(summary.Seconds))}; kept epoch {summary.BestEpoch}: "
            + $"validation NDCG@10 {summary.Validation["ndcg@10"]:F4}, HR@10 {summary.Validation["hr@10"]:F4}");
        console.WriteSummary(summary, TrainingJsonLines.Default.TrainRetrieverSummary);
    }
}
