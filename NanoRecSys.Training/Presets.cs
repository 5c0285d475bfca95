namespace NanoRecSys.Training;

internal sealed record Preset(string Name, TrainRetrieverOptions Retriever, MineNegativesOptions Negatives, TrainRankerOptions Ranker)
{
    /// <summary>Whether <c>run</c> refits the retriever with the validation items instead of training a ranker: in short histories they are
    /// worth more than a second stage.</summary>
    public bool Refit { get; init; }

    public string Describe(TrainRetrieverOptions retriever) =>
        $"preset {Name}: {(retriever.Members is { } members ? $"{members} members of " : "")}{retriever.Blocks} {retriever.Block} blocks of width {retriever.Dimension}, {retriever.Loss.ToName()}, {(retriever.ItemContent ? $"item content{(retriever.AlternateContent ? " in every second member" : "")}, " : "")}at most {retriever.Epochs} epochs";
}

/// <summary>Tested settings, by the size of the data they are for.</summary>
internal static class Presets
{
    private const int ShortHistory = 20; // mean interactions per user below which data is sparse
    private const int SparseSteps = 3_000; // minimum, over all epochs
    private const int ManyItems = 200_000; // from here on, a full softmax takes longer than the rest of a step
    private const double AffordableTwice = 1e10; // interactions times items; two networks then take about twenty minutes on two cores

    /// <summary>The sample (100,000 ratings) in about a minute on two cores; figures in the README.</summary>
    public static readonly Preset Quick = new(
        "quick",
        new TrainRetrieverOptions
        {
            ItemContent = true,
            Dimension = 64,
            Blocks = 2,
            Heads = 2,
            FeedForward = 128,
            MaxLength = 100,
            LearningRate = 2e-3,
            WarmupSteps = 50,
            BatchUsers = 16,
            Epochs = 15,
            Window = TrainingWindow.Random,
            Patience = 5,
            MaxSeconds = 600,
        },
        new MineNegativesOptions { PositionsPerUser = 30 },
        new TrainRankerOptions { Hidden = [128, 64, 32], Epochs = 6 });

    /// <summary>About a million ratings in long histories: half an hour on two cores; figures in docs/models.md.</summary>
    public static readonly Preset Small = new(
        "small",
        new TrainRetrieverOptions
        {
            Block = BlockKinds.Gated,
            Positions = Positions.Relative,
            Dimension = 128,
            Blocks = 4,
            Heads = 4,
            FeedForward = 256,
            MaxLength = 200,
            WarmupSteps = 200,
            Decay = LearningRateDecay.Cosine,
            BatchUsers = 32,
            Epochs = 60,
            Window = TrainingWindow.Random,
            ValidateEvery = 2,
            Patience = 10,
        },
        new MineNegativesOptions { Skip = 0, Hard = 20, Random = 1, PositionsPerUser = 12 },
        new TrainRankerOptions { Hidden = [256, 128, 64], Loss = RankerLossKind.Listwise, Signals = RankerSignals.All, Epochs = 5, Patience = 2 });

    /// <summary><see cref="Small"/> twice as wide, reading twice as many items: an hour on two cores, and more computation per request. The best
    /// figures in docs/models.md.</summary>
    public static readonly Preset Large = Small with
    {
        Name = "large",
        Retriever = Small.Retriever with { Dimension = 256, Heads = 8, FeedForward = 512, MaxLength = 400, Epochs = 30 },
    };

    /// <summary>Tens of millions of interactions: the network of <see cref="Small"/> in far fewer epochs, but more steps. Projected to take six
    /// hours on two cores for data of ML-20M's size; its quality is not measured.</summary>
    public static readonly Preset Huge = Small with
    {
        Name = "huge",
        Retriever = Small.Retriever with { Epochs = 8, ValidateEvery = 1, Patience = 3 },
    };

    /// <summary>Many users with a handful of interactions each, as in shops; the experiments are in docs/lab/retriever.md.</summary>
    public static readonly Preset Sparse = new(
        "sparse",
        new TrainRetrieverOptions
        {
            ItemContent = true,
            Dimension = 64,
            Blocks = 2,
            Heads = 2,
            FeedForward = 128,
            MaxLength = 50,
            Temperature = 0.1,
            LearningRate = 5e-3,
            WarmupSteps = 100,
            Decay = LearningRateDecay.Cosine,
            Epochs = 20,
            ValidateEvery = 2,
            Patience = 5,
        },
        new MineNegativesOptions(),
        new TrainRankerOptions { Hidden = [256, 128, 64] })
    {
        Refit = true,
    };

    /// <summary>The settings of nanoRecSys with its in-batch loss; only the item table's initialization differs (see <see cref="TrainRetrieverOptions.EmbeddingStd"/>).</summary>
    public static readonly Preset Paper = new(
        "paper",
        new TrainRetrieverOptions { Loss = RetrieverLoss.InfoNce },
        new MineNegativesOptions(),
        new TrainRankerOptions());

    public static Preset Get(string name, DatasetSummary data) => name switch
    {
        "quick" => Quick,
        "small" => Small,
        "large" => Large,
        "huge" => Huge,
        "sparse" => Sparse,
        "paper" => Paper,
        "auto" => For(data),
        _ => throw new UserErrorException($"Unknown preset '{name}'. Presets: {string.Join(", ", TrainingNames.Presets)}."),
    };

    private static Preset For(DatasetSummary data)
    {
        Preset preset = data switch
        {
            _ when data.Interactions < ShortHistory * (long)data.Users => WithTwoNetworks(SparseFor(data.Users), data),
            { Interactions: < 300_000 } => WithTwoNetworks(Quick, data),
            { Interactions: < 5_000_000 } => Large,
            _ => Huge,
        };
        return data.Items < ManyItems ? preset : preset with { Retriever = preset.Retriever with { Loss = RetrieverLoss.SampledSoftmax } };
    }

    // They are better than one on validation. The time of an epoch is about proportional to interactions times items.
    private static Preset WithTwoNetworks(Preset preset, DatasetSummary data) => (double)data.Interactions * data.Items < AffordableTwice
        ? preset with { Retriever = preset.Retriever with { Members = 2, MaxSeconds = 2 * preset.Retriever.MaxSeconds } }
        : preset;

    // About forty steps per epoch if there are enough users: a few hundred users in batches of 128 would not leave the warm-up. More epochs if
    // there are few steps.
    private static Preset SparseFor(int users)
    {
        int batch = Math.Clamp(users / 40, 16, Sparse.Retriever.BatchUsers);
        int epochs = Math.Clamp(SparseSteps / Math.Max(1, users / batch), Sparse.Retriever.Epochs, 2 * Sparse.Retriever.Epochs);
        return Sparse with { Retriever = Sparse.Retriever with { BatchUsers = batch, Epochs = epochs } };
    }
}
