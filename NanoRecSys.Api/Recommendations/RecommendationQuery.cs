namespace NanoRecSys.Api.Recommendations;

/// <summary>What is asked: a user, or a session of movies, and how the answer should look. Checked already.</summary>
public sealed record RecommendationQuery
{
    public const int MaxK = 100;

    /// <summary>Null in a session.</summary>
    public int? UserId { get; init; }

    /// <summary>Null where a user is asked for.</summary>
    public Session? Session { get; init; }

    /// <summary>Divides users, or sessions, among models; the same for the same user on every replica.</summary>
    public int Bucket => UserId ?? Session?.MovieIds.Aggregate(17, (hash, movie) => unchecked(hash * 31 + movie)) ?? 0;

    public required int K { get; init; }

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    public ItemFilter Filter { get; init; } = ItemFilter.None;

    public ListShape Shape { get; init; } = ListShape.None;
}
