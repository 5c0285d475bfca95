namespace NanoRecSys.Training.Ranking;

/// <summary>Which negatives the ranker learns from.</summary>
public sealed record MineNegativesOptions
{
    /// <summary>Hard negatives come from this many best items of the retriever; without repeats.</summary>
    public int Candidates { get; init; } = 100;

    /// <summary>The best of them are skipped: many are items the user would have liked, too.</summary>
    public int Skip { get; init; } = 10;

    /// <summary>Hard negatives of each positive.</summary>
    public int Hard { get; init; } = 4;

    /// <summary>Uniform negatives of each positive.</summary>
    public int Random { get; init; } = 4;

    /// <summary>Positions of each user's training part that are mined, the latest ones.</summary>
    public int PositionsPerUser { get; init; } = 50;

    /// <summary>Share of these positions that are mined, drawn at random; validation positions are mined all.</summary>
    public double Sample { get; init; } = 1;
}
