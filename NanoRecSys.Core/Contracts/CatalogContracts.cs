namespace NanoRecSys.Core.Contracts;

/// <summary>Answer of <c>GET /users?query=&amp;limit=</c>: people to pick from.</summary>
public sealed record UserList(int Total, IReadOnlyList<UserSummary> Users);

public sealed record UserSummary(EntityId UserId, int Interactions);

/// <summary>Answer of <c>GET /users/{id}/history</c>: newest first.</summary>
/// <param name="UserId">Whose.</param>
/// <param name="Total">How many there are; <paramref name="Movies"/> may be fewer.</param>
/// <param name="Movies">The newest of them.</param>
/// <param name="Degraded">The store of events did not answer: what came in since the training is missing, not gone.</param>
public sealed record UserHistoryResponse(EntityId UserId, int Total, IReadOnlyList<MovieInfo> Movies, bool Degraded = false);

/// <summary>Answer of <c>GET /items?query=&amp;limit=</c> and <c>GET /items/{id}/similar</c>; scores only for the latter.</summary>
public sealed record MovieList(IReadOnlyList<MovieInfo> Movies, IReadOnlyList<float>? Scores = null);

/// <summary>Answer of <c>GET /items/{id}</c>.</summary>
/// <param name="Movie">What is known of it.</param>
/// <param name="Watched">Interactions in the histories that are served; 0 for one that was added since.</param>
/// <param name="Place">1 for the most watched; null for one that was added since.</param>
/// <param name="Movies">In the served model.</param>
/// <param name="X">On the map, -1..1; null where the version has none, or it does not know the movie.</param>
/// <param name="Y">As <paramref name="X"/>.</param>
public sealed record MovieDetail(MovieInfo Movie, int Watched, int? Place, int Movies, float? X, float? Y);

/// <summary>Answer of <c>GET /items/{id}/audience</c>: whom the model would show it to, among a sample.</summary>
/// <param name="Users">Of the served model.</param>
/// <param name="Sampled">Users who were looked at, evenly spread over all.</param>
/// <param name="Watched">Those of the sample who have seen it; they would not get it again.</param>
/// <param name="InTop10">Those in whose list it is among the first ten.</param>
/// <param name="InTop100">Those in whose list it is among the first hundred.</param>
/// <param name="First">Those in whose list it stands highest, at most twelve.</param>
public sealed record MovieAudience(int Users, int Sampled, int Watched, int InTop10, int InTop100, IReadOnlyList<AudienceMember> First);

/// <param name="UserId">Who.</param>
/// <param name="Place">Of the movie in their list by cosine, before the ranker: 1 is the best.</param>
/// <param name="Interactions">Length of their history.</param>
public sealed record AudienceMember(EntityId UserId, int Place, int Interactions);

/// <summary>Answer of <c>GET /map</c>: the item embeddings on a plane.</summary>
/// <param name="Version">The model's.</param>
/// <param name="Method">How it was laid out.</param>
/// <param name="Kept">Share of a well-known movie's nearest ten that are its nearest ten on the plane, too.</param>
/// <param name="Points">All movies of the model.</param>
public sealed record ItemMap(string Version, string Method, double Kept, IReadOnlyList<MapPoint> Points);

/// <param name="Movie">Which.</param>
/// <param name="Watched">Interactions.</param>
/// <param name="X">-1..1</param>
/// <param name="Y">-1..1</param>
public sealed record MapPoint(MovieInfo Movie, int Watched, float X, float Y);

/// <summary>Answer of <c>GET /catalog</c>: what a filter can ask for.</summary>
/// <param name="Movies">In the served model; those that were added since are not counted.</param>
/// <param name="FirstYear">Of release; null where no year is known.</param>
/// <param name="LastYear">Of release; null where no year is known.</param>
/// <param name="Genres">The most common first.</param>
public sealed record CatalogOverview(int Movies, int? FirstYear, int? LastYear, IReadOnlyList<GenreCount> Genres);

public sealed record GenreCount(string Genre, int Movies);

/// <summary>Body of <c>POST /recommend/session</c>: recommendations for a list of movies, without an account.</summary>
public sealed record SessionRequest
{
    /// <summary>1 to 1000, oldest first.</summary>
    public required IReadOnlyList<EntityId> MovieIds { get; init; }

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
