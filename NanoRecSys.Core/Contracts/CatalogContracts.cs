namespace NanoRecSys.Core.Contracts;

/// <summary>Answer of <c>GET /users?query=&amp;limit=</c>: people to pick from.</summary>
public sealed record UserList(int Total, IReadOnlyList<UserSummary> Users);

public sealed record UserSummary(int UserId, int Interactions);

/// <summary>Answer of <c>GET /users/{id}/history</c>: newest first.</summary>
public sealed record UserHistoryResponse(int UserId, int Total, IReadOnlyList<MovieInfo> Movies);

/// <summary>Answer of <c>GET /items?query=&amp;limit=</c> and <c>GET /items/{id}/similar</c>; scores only for the latter.</summary>
public sealed record MovieList(IReadOnlyList<MovieInfo> Movies, IReadOnlyList<float>? Scores = null);

/// <summary>Body of <c>POST /recommend/session</c>: recommendations for a list of movies, without an account.</summary>
public sealed record SessionRequest
{
    /// <summary>1 to 1000, oldest first.</summary>
    public required IReadOnlyList<int> MovieIds { get; init; }

    /// <summary>When each of them was watched, in seconds since 1970; just now where it is left out.</summary>
    public IReadOnlyList<long>? Times { get; init; }

    public int K { get; init; } = 10;

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    /// <inheritdoc cref="RecommendRequest.Filters"/>
    public FilterRequest? Filters { get; init; }

    /// <inheritdoc cref="RecommendRequest.Diversity"/>
    public double Diversity { get; init; }

    /// <inheritdoc cref="RecommendRequest.PopularityPenalty"/>
    public double PopularityPenalty { get; init; }
}
