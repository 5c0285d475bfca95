namespace NanoRecSys.Contracts;

/// <summary>Body of <c>POST /recommend</c>.</summary>
public sealed record RecommendRequest
{
    public required EntityId UserId { get; init; }

    /// <summary>1..100</summary>
    public int K { get; init; } = 10;

    public bool Explain { get; init; }

    public bool IncludeHistory { get; init; }

    /// <summary>Which items may be recommended; unknown fields in it are refused.</summary>
    public FilterRequest? Filters { get; init; }

    /// <summary>0..1: how much an item should differ from those above it.</summary>
    public double Diversity { get; init; }

    /// <summary>0..1: how much popularity counts against an item.</summary>
    public double PopularityPenalty { get; init; }
}

/// <summary>Which items may be recommended. The search itself filters, so K items are returned if K exist.</summary>
public sealed record FilterRequest
{
    /// <summary>At least one of these genres.</summary>
    public IReadOnlyList<string>? GenresAny { get; init; }

    /// <summary>None of these genres.</summary>
    public IReadOnlyList<string>? GenresNone { get; init; }

    /// <summary>First year of release; items of unknown year are left out.</summary>
    public int? YearFrom { get; init; }

    /// <summary>Last year of release; items of unknown year are left out.</summary>
    public int? YearTo { get; init; }

    /// <summary>Items to leave out, at most 1000.</summary>
    public IReadOnlyList<EntityId>? ExcludeIds { get; init; }

    /// <summary>Items to choose from, at most 1000.</summary>
    public IReadOnlyList<EntityId>? OnlyIds { get; init; }

    /// <summary>Minimum number of interactions.</summary>
    public int? MinPopularity { get; init; }
}

/// <summary>Answer of <c>POST /recommend</c>; parallel lists, best item first.</summary>
public sealed record RecommendResponse
{
    public required IReadOnlyList<EntityId> MovieIds { get; init; }

    public required IReadOnlyList<float> Scores { get; init; }

    /// <summary>In words, one per item; empty unless requested.</summary>
    public IReadOnlyList<string> Explanations { get; init; } = [];

    /// <summary>The explanations as data, one per item; only with <c>explain</c>.</summary>
    public IReadOnlyList<RecommendationReason>? Reasons { get; init; }

    /// <summary>Newest last, at most 20; only if requested.</summary>
    public IReadOnlyList<MovieInfo>? History { get; init; }

    /// <summary>The items of <see cref="MovieIds"/>, so that a page needs no second call.</summary>
    public IReadOnlyList<MovieInfo>? Movies { get; init; }

    public required DebugTiming DebugTiming { get; init; }

    public required string RequestId { get; init; }

    public required bool ServedFromCache { get; init; }

    /// <summary><c>live</c> or <c>degraded</c>.</summary>
    public required string Mode { get; init; }

    /// <summary>The model version that answered.</summary>
    public required string Version { get; init; }

    /// <summary>Every stage of this request, in order, as drawn by the page; not in the original API.</summary>
    public IReadOnlyList<StageTiming>? Stages { get; init; }

    /// <summary>Ids of a session or a filter that are not in the catalog; they were ignored.</summary>
    public IReadOnlyList<EntityId>? UnknownMovieIds { get; init; }
}

/// <summary>Why one item was recommended.</summary>
/// <param name="MovieId">The recommended item.</param>
/// <param name="Kind"><c>history</c>, <c>popular</c>, or <c>similar</c> if the model cannot measure contributions.</param>
/// <param name="Because">
/// Up to three items of the history that contributed, the largest contribution first. An item named for better recommendations in
/// the list gives way to others, so that reasons differ.
/// </param>
/// <param name="SharedGenres">Genres it has in common with the first of these.</param>
public sealed record RecommendationReason(
    EntityId MovieId, string Kind, IReadOnlyList<ContributingMovie> Because, IReadOnlyList<string> SharedGenres)
{
    /// <summary>Whether it was added after the training.</summary>
    public bool IsNew { get; init; }

    /// <summary>How often it was watched; only if <c>popular</c>.</summary>
    public int? Watched { get; init; }

    /// <summary>How many users had it among their first ten items; only if <c>popular</c>, for a new user.</summary>
    public int? WatchedFirst { get; init; }
}

/// <param name="Movie">The item of the history.</param>
/// <param name="Contribution">The recommended item's score minus its score without this item; for a <c>similar</c> reason, the cosine of both.</param>
public sealed record ContributingMovie(MovieInfo Movie, float Contribution);

/// <summary>
/// Stage times, or <c>{"source": "cache"}</c>; <c>{"fallback_reason": ...}</c> if popular items were served, even from the
/// cache. Absent fields are omitted.
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
/// <param name="StartMs">Milliseconds since the request began.</param>
/// <param name="DurationMs">Duration in milliseconds.</param>
public sealed record StageTiming(string Stage, double StartMs, double DurationMs);

/// <param name="MovieId">The id in the data set.</param>
/// <param name="Title">In reading order: <c>The Matrix</c>.</param>
/// <param name="Year">If known.</param>
/// <param name="Genres">Empty if unknown.</param>
public sealed record MovieInfo(EntityId MovieId, string Title, int? Year, IReadOnlyList<string> Genres);

/// <param name="Loc">Path to the field, such as <c>["body", "user_id"]</c>.</param>
/// <param name="Msg">For people.</param>
/// <param name="Type">For programs: <c>missing</c>, <c>int_type</c>, <c>less_than_equal</c>, ...</param>
public sealed record FieldError(IReadOnlyList<string> Loc, string Msg, string Type)
{
    public static FieldError NotAnInteger(IReadOnlyList<string> loc) => new(loc, "Input should be a valid integer", "int_type");

    public static FieldError NotAnId(IReadOnlyList<string> loc) => new(
        loc, $"Input should be an integer of 64 bits, or a string of 1 to {EntityId.MaxBytes} bytes without control characters, other than '.' and '..'", "id_type");

    /// <summary>An integer too large for the field's type, whose range is the field's range.</summary>
    public static FieldError TooLarge(IReadOnlyList<string> loc, long min, long max) => new(loc, $"Input should be between {min} and {max}", "int_type");

    /// <returns>Null if the value is within its bounds.</returns>
    public static FieldError? OutOfRange(IReadOnlyList<string> loc, int value, int min, int max) =>
        value < min ? new FieldError(loc, $"Input should be greater than or equal to {min}", "greater_than_equal")
        : value > max ? new FieldError(loc, $"Input should be less than or equal to {max}", "less_than_equal")
        : null;
}
