using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// The retriever's hyper-parameters. The defaults are those of the reference system, but for <see cref="Loss"/>
/// (there in-batch InfoNCE) and <see cref="EmbeddingStd"/> (the item table's start).
/// </summary>
public sealed record TrainRetrieverOptions
{
    /// <summary>What the tower is built of; one of <see cref="BlockKinds"/>.</summary>
    public string Block { get; init; } = BlockKinds.Transformer;

    /// <summary>How it knows the order; one of <see cref="Core.Artifacts.Positions"/>.</summary>
    public string Positions { get; init; } = Core.Artifacts.Positions.Rotary;

    /// <summary>Lets scores depend on the time between interactions; with relative positions.</summary>
    public bool TimeBias { get; init; }

    /// <summary>D, width of an embedding.</summary>
    public int Dimension { get; init; } = 256;

    public int Blocks { get; init; } = 4;

    public int Heads { get; init; } = 8;

    /// <summary>F, hidden width of SwiGLU.</summary>
    public int FeedForward { get; init; } = 1024;

    /// <summary>L, most items of a history that are read.</summary>
    public int MaxLength { get; init; } = 200;

    public double Dropout { get; init; } = 0.2;

    public RetrieverLoss Loss { get; init; } = RetrieverLoss.FullSoftmax;

    /// <summary>Divides the cosine in the loss.</summary>
    public double Temperature { get; init; } = 0.05;

    /// <summary>N, items that sampled softmax draws per step.</summary>
    public int Negatives { get; init; } = 3000;

    /// <summary>Standard deviation of the item table's first values.</summary>
    public double EmbeddingStd { get; init; } = 0.02;

    public double LearningRate { get; init; } = 1e-3;

    public double Beta1 { get; init; } = 0.9;

    public double Beta2 { get; init; } = 0.98;

    public double WeightDecay { get; init; }

    /// <summary>Steps in which the learning rate grows from zero, linearly.</summary>
    public int WarmupSteps { get; init; } = 2000;

    /// <summary>Gradients are scaled down to this norm; 0 leaves them as they are.</summary>
    public double GradientNorm { get; init; }

    /// <summary>Whether products are in bfloat16 in training and its validations; null: where the processor has instructions for it.</summary>
    public bool? ReducedPrecision { get; init; }

    /// <summary>After the warm-up: constant, or down to zero along a cosine.</summary>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.None;

    /// <summary>Users (or windows) of one step.</summary>
    public int BatchUsers { get; init; } = 128;

    public int Epochs { get; init; } = 300;

    /// <summary>What of a history longer than L + 1 trains.</summary>
    public TrainingWindow Window { get; init; } = TrainingWindow.Last;

    /// <summary>Epochs between validations.</summary>
    public int ValidateEvery { get; init; } = 1;

    /// <summary>Validations without a better NDCG@10 before the training ends.</summary>
    public int Patience { get; init; } = 10;

    /// <summary>A guard, not a setting of quality: the training ends after the epoch that passes it.</summary>
    public double MaxSeconds { get; init; } = double.PositiveInfinity;

    /// <summary>Go on from the last checkpoint.</summary>
    public bool Resume { get; init; }

    public ModelInfo ToModel(int items) => new(
        Block, Dimension, Blocks, Heads, FeedForward, MaxLength, items, RopeBase: 500, Dropout, Loss.ToName(), Temperature)
    {
        Positions = Positions,
        TimeBias = TimeBias,
    };
}

[JsonConverter(typeof(KebabCaseNames<RetrieverLoss>))]
public enum RetrieverLoss
{
    FullSoftmax,
    SampledSoftmax,
    InfoNce,

    /// <summary>InfoNCE with the positive left out of the denominator.</summary>
    Dcl,
}

[JsonConverter(typeof(KebabCaseNames<LearningRateDecay>))]
public enum LearningRateDecay
{
    None,
    Cosine,
}

[JsonConverter(typeof(KebabCaseNames<TrainingWindow>))]
public enum TrainingWindow
{
    /// <summary>The last L + 1 items.</summary>
    Last,

    /// <summary>L + 1 items from anywhere, drawn anew each epoch.</summary>
    Random,
}

public static class RetrieverLossNames
{
    public static string ToName(this RetrieverLoss loss) => JsonNamingPolicy.KebabCaseLower.ConvertName(loss.ToString());
}

/// <summary>Names in files as the command line has them, such as <c>full-softmax</c>.</summary>
internal sealed class KebabCaseNames<T>() : JsonStringEnumConverter<T>(JsonNamingPolicy.KebabCaseLower)
    where T : struct, Enum;
