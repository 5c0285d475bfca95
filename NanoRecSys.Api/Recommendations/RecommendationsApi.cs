using System.Globalization;
using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Models;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;

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
        builder.Services.AddSingleton<UserEncoder>();
        builder.Services.AddSingleton<CandidateRetriever>();
        builder.Services.AddSingleton<CandidateRanker>();
        builder.Services.AddSingleton<PopularItems>();
        builder.Services.AddSingleton<Explainer>();
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
