using System.Buffers;
using System.Globalization;
using System.IO.Pipelines;
using System.Text.Json;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary><c>POST /recommend</c> and <c>POST /recommend/session</c>.</summary>
internal static class RecommendationsApi
{
    public static void AddRecommendations(this WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<RecommendationOptions>().BindConfiguration(RecommendationOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddOptions<OverloadOptions>().BindConfiguration(OverloadOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        builder.Services.AddSingleton<RedisOutage>();
        builder.Services.AddSingleton<AnswerMemory>();
        builder.Services.AddSingleton<RecommendationCache>();
        builder.Services.AddSingleton<SharedComputations>();
        builder.Services.AddSingleton<ComputeTurns>();
        builder.Services.AddSingleton<HistoryReader>();
        builder.Services.AddSingleton<CandidateRetriever>();
        builder.Services.AddSingleton<RecommendationPipeline>();
    }

    public static void MapRecommendations(this IEndpointRouteBuilder app)
    {
        app.MapPost("/recommend", PostRecommend)
            .WithTags("Recommendations")
            .WithSummary("The K movies that a user most likely wants next")
            .WithDescription(
                "An unknown user gets the movies that most people here start with, and a fallback_reason in debug_timing. Movies already seen are never among them. " +
                "Unknown fields are ignored, but for those of filters.")
            .WithJsonBody<RecommendRequest, RecommendResponse>(
                """{"user_id": 42, "k": 10, "explain": true, "include_history": true, "filters": {"genres_none": ["Horror"], "year_from": 1980}, "diversity": 0.3}""");
        app.MapPost("/recommend/session", PostSession)
            .WithTags("Recommendations")
            .WithSummary("The same for a list of movies, oldest first, instead of a user")
            .WithDescription("Ids that the catalog does not hold are left out and named in unknown_movie_ids; it is an error where it holds none of them. Unknown fields are refused.")
            .WithJsonBody<SessionRequest, RecommendResponse>("""{"movie_ids": [1, 32, 260], "times": [1767225600, 1767312000, 1767398400], "k": 10}""");
    }

    private static async Task<IResult> PostRecommend(
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, AddedMovies added, StatusReader status, CancellationToken cancellationToken)
    {
        if (await PlainQuery.TryReadAsync(http.Request, cancellationToken) is { } plain)
        {
            using SnapshotLease? lease = served.Lease(plain.Bucket);
            return await AnswerAsync(http, plain, pipeline, lease, status);
        }

        BodyFields body = await JsonBody.ReadAsync(http.Request, cancellationToken);
        return await CheckAndAnswerAsync(http, body, QueryReader.User(body), pipeline, served, added, status);
    }

    private static async Task<IResult> PostSession(
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, AddedMovies added, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        RecommendationQuery query = QueryReader.Session(body);
        body.ForbidOthers();
        return await CheckAndAnswerAsync(http, body, query, pipeline, served, added, status);
    }

    // One that is known is enough; the answer names the others.
    private static void RequireKnownMovies(BodyFields body, Session session, ModelSnapshot model, AddedMovies added)
    {
        ServedCatalog catalog = new(model, model.Extend(added.Current));
        if (!session.MovieIds.Any(movie => catalog.TryFind(movie, out _)))
        {
            body.Refuse("movie_ids", string.Create(CultureInfo.InvariantCulture, $"The catalog holds none of these movies: {string.Join(", ", session.MovieIds.Distinct())}"), "unknown_movies");
        }
    }

    // The model that checks is the one that answers: versions side by side may have other movies and genres.
    private static async Task<IResult> CheckAndAnswerAsync(
        HttpContext http, BodyFields body, RecommendationQuery query, RecommendationPipeline pipeline, ServedModel served, AddedMovies added, StatusReader status)
    {
        using SnapshotLease? lease = served.Lease(query.Bucket);
        if (lease is not null && query.Session is { } session && body.Errors.Count == 0)
        {
            RequireKnownMovies(body, session, lease.Model, added);
        }

        if (lease is not null)
        {
            QueryReader.CheckGenres(body, query, lease.Model);
        }

        return body.Errors.Count > 0
            ? TypedResults.UnprocessableEntity(new FieldErrors(body.Errors))
            : await AnswerAsync(http, query, pipeline, lease, status);
    }

    private static async Task<IResult> AnswerAsync(
        HttpContext http, RecommendationQuery query, RecommendationPipeline pipeline, SnapshotLease? lease, StatusReader status)
    {
        if (lease is null)
        {
            return StatusApi.NotReadyResult(status.Read());
        }

        Recommendation recommendation = await pipeline.RecommendAsync(query, lease.Model, http.TraceIdentifier);
        if (recommendation.Answer is { } answer)
        {
            return new RecommendationResult(answer, recommendation.Request);
        }

        http.Response.Headers.RetryAfter = "1";
        return TypedResults.Json(new PlainError("Too many requests wait to be computed. Ask again."), statusCode: StatusCodes.Status503ServiceUnavailable);
    }
}

/// <summary>Reads what a recommendation's body asks for; what is wrong becomes the body's errors.</summary>
internal static class QueryReader
{
    internal const int DefaultK = 10;
    private const int MaxIds = 1000;
    private const int MaxGenres = 50;
    private const int MaxGenre = 40;

    public static RecommendationQuery User(BodyFields body) => Options(body) with { UserId = body.Int32("user_id", fallback: null) };

    public static RecommendationQuery Session(BodyFields body)
    {
        IReadOnlyList<int> movies = body.Int32List("movie_ids", MaxIds);
        IReadOnlyList<long> times = body.OptionalInt64List("times", MaxIds);
        if (times.Count > 0 && times.Count != movies.Count)
        {
            body.Refuse("times", $"{movies.Count} movies have {times.Count} times", "length_mismatch");
        }

        return Options(body) with { Session = new Session(movies, times.Count > 0 && times.Count == movies.Count ? times : null) };
    }

    /// <summary>Names the filter's genres that no movie has: such a filter would let nothing through, or all.</summary>
    public static void CheckGenres(BodyFields body, RecommendationQuery query, ModelSnapshot model)
    {
        foreach (string genre in query.Filter.GenresAny.Concat(query.Filter.GenresNone).Where(genre => !model.Genres.Contains(genre)).Distinct())
        {
            body.Refuse("filters", $"No movie has the genre '{genre}'; there are {string.Join(", ", model.Genres.Order(StringComparer.Ordinal))}", "unknown_genre");
        }
    }

    private static RecommendationQuery Options(BodyFields body) => new()
    {
        K = body.Int32("k", DefaultK, 1, RecommendationQuery.MaxK),
        Explain = body.Boolean("explain", false),
        IncludeHistory = body.Boolean("include_history", false),
        Filter = Filter(body.OptionalObject("filters")),
        Shape = new ListShape(body.OptionalNumber("diversity", 0, 1) ?? 0, body.OptionalNumber("popularity_penalty", 0, 1) ?? 0),
    };

    // Ours on the original's call, too: a misspelt filter must not be ignored.
    private static ItemFilter Filter(BodyFields? fields)
    {
        if (fields is null)
        {
            return ItemFilter.None;
        }

        var filter = new ItemFilter
        {
            GenresAny = fields.OptionalTextList("genres_any", MaxGenres, MaxGenre),
            GenresNone = fields.OptionalTextList("genres_none", MaxGenres, MaxGenre),
            YearFrom = fields.OptionalInt32("year_from"),
            YearTo = fields.OptionalInt32("year_to"),
            ExcludeIds = fields.OptionalInt32List("exclude_ids", MaxIds),
            OnlyIds = fields.OptionalInt32List("only_ids", MaxIds),
            MinPopularity = fields.OptionalInt32("min_popularity", min: 0) ?? 0,
        };
        fields.ForbidOthers();
        return filter;
    }
}

/// <summary>
/// Reads the body that nearly every request has, <c>{"user_id": 1, "k": 10}</c>, where it lies, without making a document
/// of it. Whatever else there is, or anything wrong, is left unread for <see cref="QueryReader"/>, which says what.
/// </summary>
internal static class PlainQuery
{
    private const int MostBytes = 256;

    /// <returns>Null where the body is any other.</returns>
    public static async ValueTask<RecommendationQuery?> TryReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (request.ContentLength is not (> 0 and <= MostBytes) || !request.HasJsonContentType())
        {
            return null;
        }

        PipeReader reader = request.BodyReader;
        ReadResult read = await reader.ReadAsync(cancellationToken);
        RecommendationQuery? query = read.Buffer.Length == request.ContentLength ? Parse(read.Buffer) : null;
        reader.AdvanceTo(query is null ? read.Buffer.Start : read.Buffer.End);
        return query;
    }

    internal static RecommendationQuery? Parse(ReadOnlySequence<byte> body)
    {
        int? user = null;
        int k = QueryReader.DefaultK;
        var reader = new Utf8JsonReader(body);
        try
        {
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            {
                return null;
            }

            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool isUser = reader.ValueTextEquals("user_id"u8);
                if (!(isUser || reader.ValueTextEquals("k"u8)) || !reader.Read() || reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out int value))
                {
                    return null;
                }

                (user, k) = isUser ? (value, k) : (user, value); // of a name that stands twice the last, as elsewhere
            }

            return user is { } id && k is >= 1 and <= RecommendationQuery.MaxK && reader.TokenType == JsonTokenType.EndObject && !reader.Read()
                ? new RecommendationQuery { UserId = id, K = k }
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException) // the latter of a name that is half a surrogate pair
        {
            return null;
        }
    }
}

/// <summary>What is asked: a user, or a session of movies, and how the answer should look. Checked already.</summary>
internal sealed record RecommendationQuery
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

/// <summary>Which movies may be recommended at all. Works inside the search, so that K come back where K exist.</summary>
internal sealed record ItemFilter
{
    public static readonly ItemFilter None = new();

    /// <summary>At least one of these; empty for any.</summary>
    public IReadOnlyList<string> GenresAny { get; init; } = [];

    /// <summary>None of these.</summary>
    public IReadOnlyList<string> GenresNone { get; init; } = [];

    /// <summary>First year of release; a movie of unknown year does not pass.</summary>
    public int? YearFrom { get; init; }

    /// <summary>Last year of release; a movie of unknown year does not pass.</summary>
    public int? YearTo { get; init; }

    /// <summary>Movie ids to leave out.</summary>
    public IReadOnlyList<int> ExcludeIds { get; init; } = [];

    /// <summary>Movie ids to choose from; empty for all.</summary>
    public IReadOnlyList<int> OnlyIds { get; init; } = [];

    /// <summary>Least interactions in the served histories.</summary>
    public int MinPopularity { get; init; }

    /// <summary>The same text for the same filter, whatever the order of its lists; empty for none.</summary>
    public string Fingerprint => IsNone ? "" : string.Create(CultureInfo.InvariantCulture,
        $"{Text(GenresAny)};{Text(GenresNone)};{YearFrom};{YearTo};{Ids(ExcludeIds)};{Ids(OnlyIds)};{MinPopularity}");

    public bool IsNone => !LooksAtItems && OnlyIds.Count == 0 && ExcludeIds.Count == 0;

    private bool LooksAtItems => GenresAny.Count > 0 || GenresNone.Count > 0 || YearFrom is not null || YearTo is not null || MinPopularity > 0;

    /// <returns>Rows that pass; null where all do.</returns>
    public RowSet? Allowed(ServedCatalog catalog)
    {
        if (IsNone)
        {
            return null;
        }

        var allowed = new RowSet(catalog.Count);
        IEnumerable<int> rows = OnlyIds.Count == 0 ? Enumerable.Range(0, catalog.Count) : Rows(catalog, OnlyIds);
        foreach (int row in rows)
        {
            if (!LooksAtItems || Passes(catalog.ItemAt(row)))
            {
                allowed.Add(row);
            }
        }

        allowed.RemoveRange([.. Rows(catalog, ExcludeIds)]);
        return allowed;
    }

    /// <summary>Ids among the filter's that the catalog does not hold.</summary>
    public IEnumerable<int> UnknownIds(ServedCatalog catalog) => OnlyIds.Concat(ExcludeIds).Distinct().Where(id => !catalog.TryFind(id, out _));

    private static IEnumerable<int> Rows(ServedCatalog catalog, IReadOnlyList<int> ids)
    {
        foreach (int id in ids)
        {
            if (catalog.TryFind(id, out int row))
            {
                yield return row;
            }
        }
    }

    private bool Passes(CatalogItem item) =>
        item.Count >= MinPopularity
        && (YearFrom is null || item.Year >= YearFrom)
        && (YearTo is null || item.Year <= YearTo)
        && (GenresAny.Count == 0 || HasOneOf(item, GenresAny))
        && !HasOneOf(item, GenresNone);

    private static bool HasOneOf(CatalogItem item, IReadOnlyList<string> genres)
    {
        foreach (string genre in item.Genres)
        {
            for (int i = 0; i < genres.Count; i++)
            {
                if (genre.Equals(genres[i], StringComparison.OrdinalIgnoreCase))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static string Text(IReadOnlyList<string> genres) =>
        string.Join('|', genres.Select(genre => genre.ToUpperInvariant()).Distinct().Order(StringComparer.Ordinal));

    private static string Ids(IReadOnlyList<int> ids) => string.Join(',', ids.Distinct().Order());
}

/// <summary>What somebody without an account has watched.</summary>
/// <param name="MovieIds">At least one, oldest first unless there are times.</param>
/// <param name="Times">Beside <paramref name="MovieIds"/>, in seconds since 1970; null where only the order is known.</param>
internal sealed record Session(IReadOnlyList<int> MovieIds, IReadOnlyList<long>? Times)
{
    /// <summary>Oldest first; of equal times in the order given.</summary>
    public IEnumerable<(int MovieId, long Time)> InOrder() => MovieIds
        .Select((movie, i) => (movie, Times?[i] ?? 0))
        .OrderBy(watched => watched.Item2);
}
