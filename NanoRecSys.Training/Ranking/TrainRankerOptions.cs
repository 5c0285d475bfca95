using NanoRecSys.Core.Features;

namespace NanoRecSys.Training.Ranking;

/// <summary>The ranker's hyper-parameters. The defaults are those of the reference system.</summary>
public sealed record TrainRankerOptions
{
    /// <summary>Widths of the hidden layers.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [512, 256, 128];

    public double Dropout { get; init; } = 0.2;

    public RankerLossKind Loss { get; init; } = RankerLossKind.Bce;

    /// <summary>What it reads beside embeddings and content, of <see cref="RankerSignals.All"/>.</summary>
    public IReadOnlyList<string> Signals { get; init; } = [];

    /// <summary>Share of the training pairs whose item embedding is hidden: so that new items can be ranked by what is known of them.</summary>
    public double ItemDropout { get; init; } = 0.1;

    public double LearningRate { get; init; } = 1e-3;

    public double WeightDecay { get; init; } = 1e-4;

    /// <summary>Pairs of one step.</summary>
    public int BatchPairs { get; init; } = 2048;

    public int Epochs { get; init; } = 20;

    /// <summary>Epochs without a better NDCG@10 on validation before the training ends.</summary>
    public int Patience { get; init; } = 3;

    /// <summary>K, the retriever's best that are put in order.</summary>
    public int Candidates { get; init; } = 100;

    /// <summary>Weights of the cosine to choose from; 0 is the ranker alone, a large one nearly the retriever's order.</summary>
    public IReadOnlyList<double> RetrieverWeights { get; init; } = [0, 1, 2, 5, 10, 20, 30, 50, 100, 200];

    /// <summary>Go on from the last checkpoint.</summary>
    public bool Resume { get; init; }
}
