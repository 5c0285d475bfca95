namespace NanoRecSys.Api.Recommendations;

/// <summary>What is asked: a user, or a session of movies, and how the answer should look. Checked already.</summary>
public sealed record RecommendationQuery
{
    public const int MaxK = 100;

    /// <summary>Null in a session.</summary>
    public int? UserId { get; init; }

    /// <summary>A session's movie ids, oldest first; null where a user is asked for.</summary>
    public IReadOnlyList<int>? Session { get; init; }

    public required int K { get; init; }

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }
}
