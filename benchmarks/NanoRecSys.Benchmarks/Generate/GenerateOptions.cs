namespace NanoRecSys.Benchmarks.Generate;

/// <param name="Output">The folder; made where it is missing.</param>
/// <param name="Users">Exactly so many, each with at least one rating.</param>
/// <param name="Items">Exactly so many, each rated at least once.</param>
/// <param name="Ratings">Exactly so many, none of them a repeat.</param>
/// <param name="Seed">The same seed makes the same files.</param>
internal sealed record GenerateOptions(string Output, int Users, int Items, int Ratings, long Seed)
{
    /// <summary>A user rates at most this share of the items (ML-20M: a third).</summary>
    public const int LargestShare = 3;

    public int MostPerUser => Math.Max(1, Items / LargestShare);

    /// <summary>Why there can be no such data, or null.</summary>
    public string? Impossible =>
        Users < 1 || Items < 1 ? "There must be users and items."
        : Ratings < Users ? $"{Ratings} ratings are too few for {Users} users."
        : Ratings < Items ? $"{Ratings} ratings are too few for {Items} items."
        : Ratings > (long)Users * MostPerUser ? $"{Users} users can rate {(long)Users * MostPerUser} times at most: each a third of {Items} items."
        : null;
}
