using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.Training.Baselines;

/// <summary>Hyper-parameters of the MLP user tower; the defaults are the first that were tried, not tuned.</summary>
public sealed record MlpUserTowerOptions
{
    /// <summary>D, width of an embedding.</summary>
    public int Dimension { get; init; } = 64;

    /// <summary>Width of the hidden layer.</summary>
    public int Hidden { get; init; } = 256;

    /// <summary>M, most recent items that are averaged.</summary>
    public int HistoryLength { get; init; } = 10;

    public double Dropout { get; init; } = 0.2;

    public RetrieverLoss Loss { get; init; } = RetrieverLoss.FullSoftmax;

    /// <summary>Divides the cosine in the loss.</summary>
    public double Temperature { get; init; } = 0.05;

    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Positions of one step.</summary>
    public int BatchPositions { get; init; } = 1024;

    /// <summary>Positions of a user that train in one epoch, drawn anew each time.</summary>
    public int PositionsPerUser { get; init; } = 50;

    public int Epochs { get; init; } = 30;

    /// <summary>Epochs without a better NDCG@10 on validation before the training ends.</summary>
    public int Patience { get; init; } = 3;
}
