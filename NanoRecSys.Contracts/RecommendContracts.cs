namespace NanoRecSys.Contracts;

/// <summary>Body of <c>POST /recommend</c>.</summary>
public sealed record RecommendRequest
{
    public required EntityId UserId { get; init; }

    /// <summary>1..100</summary>
    public int K { get; init; } = 10;

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    /// <summary>Which movies may be recommended; unknown fields in it are refused.</summary>
    public FilterRequest? Filters { get; init; }

    /// <summary>0..1: how much a movie should differ from those above it.</summary>
    public double Diversity { get; init; }

    /// <summary>0..1: how much popularity counts against a movie.</summary>
    public double PopularityPenalty { get; init; }
}

/// <summary>Which movies may be recommended; they are filtered inside the search, so K come back where K exist.</summary>
public sealed record FilterRequest
{
    /// <summary>At least one of these genres.</summary>
    public IReadOnlyList<string>? GenresAny { get; init; }

    /// <summary>None of these genres.</summary>
    public IReadOnlyList<string>? GenresNone { get; init; }

    /// <summary>First year of release; movies of unknown year are left out.</summary>
    public int? YearFrom { get; init; }

    /// <summary>Last year of release; movies of unknown year are left out.</summary>
    public int? YearTo { get; init; }

    /// <summary>Movies to leave out, at most 1000.</summary>
    public IReadOnlyList<EntityId>? ExcludeIds { get; init; }

    /// <summary>Movies to choose from, at most 1000.</summary>
    public IReadOnlyList<EntityId>? OnlyIds { get; init; }

    /// <summary>Least number of interactions.</summary>
    public int? MinPopularity { get; init; }
}

/// <summary>Answer of <c>POST /recommend</c>; lists run in parallel, best first.</summary>
public sealed record RecommendResponse
{
    public required IReadOnlyList<EntityId> MovieIds { get; init; }

    public required IReadOnlyList<float> Scores { get; init; }

    /// <summary>In words, one per movie; empty unless asked for.</summary>
    public IReadOnlyList<string> Explanations { get; init; } = [];

    /// <summary>What the sentences say, as data; one per movie, only with <c>explain</c>.</summary>
    public IReadOnlyList<RecommendationReason>? Reasons { get; init; }

    /// <summary>Newest last, at most 20; only if asked for.</summary>
    public IReadOnlyList<MovieInfo>? History { get; init; }

    /// <summary>The movies behind <see cref="MovieIds"/>, so that a page needs no second call.</summary>
    public IReadOnlyList<MovieInfo>? Movies { get; init; }

    public required DebugTiming DebugTiming { get; init; }

    public required string RequestId { get; init; }

    public required bool ServedFromCache { get; init; }

    /// <summary><c>live</c> or <c>degraded</c>.</summary>
    public required string Mode { get; init; }

    /// <summary>The model version that answered.</summary>
    public required string Version { get; init; }

    /// <summary>Every stage of this request, in order; a beyond-the-original field that the page draws.</summary>
    public IReadOnlyList<StageTiming>? Stages { get; init; }

    /// <summary>Movie ids of a session or a filter that the catalog does not hold; they were left out.</summary>
    public IReadOnlyList<EntityId>? UnknownMovieIds { get; init; }
}

/// <summary>Why one movie was recommended.</summary>
/// <param name="MovieId">The recommended movie.</param>
/// <param name="Kind"><c>history</c>, <c>popular</c>, or <c>similar</c> while the model cannot measure contributions.</param>
/// <param name="Because">
/// Up to three movies of the history that contributed, the largest contribution first. One that was named for better recommendations of
/// the list makes way for others, so that reasons differ.
/// </param>
/// <param name="SharedGenres">Genres it has in common with the first of them.</param>
public sealed record RecommendationReason(
    EntityId MovieId, string Kind, IReadOnlyList<ContributingMovie> Because, IReadOnlyList<string> SharedGenres)
{
    /// <summary>Whether it came after the training.</summary>
    public bool IsNew { get; init; }

    /// <summary>How often it was watched; only of a <c>popular</c> one.</summary>
    public int? Watched { get; init; }

    /// <summary>How many people had it among their first ten movies here; only of a <c>popular</c> one for somebody new.</summary>
    public int? WatchedFirst { get; init; }
}

/// <param name="Movie">Of the history.</param>
/// <param name="Contribution">The recommended movie's score less what the model scores it without this one; of a <c>similar</c> reason the cosine of both.</param>
public sealed record ContributingMovie(MovieInfo Movie, float Contribution);

/// <summary>
/// Stage times, or <c>{"source": "cache"}</c>; <c>{"fallback_reason": ...}</c> where popular items were served, from the
/// cache too. Absent fields are left out.
/// </summary>
public sealed record DebugTiming
{
    public double? EmbeddingMs { get; init; }

    public double? RetrievalMs { get; init; }

    public double? RankingMs { get; init; }

    public double? TotalMs { get; init; }

    public string? Source { get; init; }

    public string? FallbackReason { get; init; }
}

/// <param name="Stage"><c>cache.get</c>, <c>history</c>, <c>encode</c>, <c>retrieve</c>, <c>rank</c>, <c>cache.set</c>.</param>
/// <param name="StartMs">Since the request began.</param>
/// <param name="DurationMs">Length.</param>
public sealed record StageTiming(string Stage, double StartMs, double DurationMs);

/// <param name="MovieId">The data set's id.</param>
/// <param name="Title">In reading order.</param>
/// <param name="Year">If known.</param>
/// <param name="Genres">Empty where unknown.</param>
public sealed record MovieInfo(EntityId MovieId, string Title, int? Year, IReadOnlyList<string> Genres);
