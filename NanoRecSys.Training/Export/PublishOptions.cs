namespace NanoRecSys.Training.Export;

/// <summary>What <c>publish</c> can be told.</summary>
public sealed record PublishOptions
{
    public ServeSplit ServeSplit { get; init; } = ServeSplit.All;

    public RankerUse Ranker { get; init; } = RankerUse.IfBetter;

    /// <summary>Whether every user's embedding is computed now, so that no request waits for the user tower.</summary>
    public bool UserEmbeddings { get; init; } = true;
}

public enum ServeSplit
{
    /// <summary>Whole histories: what users should get.</summary>
    All,

    /// <summary>Without the held-out items, so that offline metrics can be measured through the live API.</summary>
    Train,
}

public enum RankerUse
{
    /// <summary>Published when its validation NDCG@10 is at least the retriever's.</summary>
    IfBetter,

    Always,

    Never,
}

/// <param name="Version">The published version's name.</param>
/// <param name="Folder">Where it lies.</param>
/// <param name="Bytes">Size of all its files.</param>
/// <param name="HasRanker">Whether the ranker is in it.</param>
/// <param name="Ranker">Why it is, or is not: one sentence.</param>
public sealed record PublishSummary(string Version, string Folder, long Bytes, bool HasRanker, string Ranker);
