using System.Globalization;
using NanoRecSys.Api.Errors;
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
        builder.Services.AddSingleton<RedisOutage>();
        builder.Services.AddSingleton<RecommendationCache>();
        builder.Services.AddSingleton<HistoryReader>();
        builder.Services.AddSingleton<UserEncoder>();
        builder.Services.AddSingleton<CandidateRetriever>();
        builder.Services.AddSingleton<CandidateRanker>();
        builder.Services.AddSingleton<PopularItems>();
        builder.Services.AddSingleton<Explainer>();
        builder.Services.AddSingleton<AnswerWriter>();
        builder.Services.AddSingleton<RecommendationPipeline>();
    }

    public static void MapRecommendations(this IEndpointRouteBuilder app)
    {
        app.MapPost("/recommend", PostRecommend)
            .WithTags("Recommendations")
            .WithSummary("The K movies that a user most likely wants next")
            .WithDescription(
                "An unknown user gets the popular movies, with a fallback_reason in debug_timing. Movies already seen are never among them. " +
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
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadAsync(http.Request, cancellationToken);
        return await AnswerAsync(http, body, QueryReader.User(body), pipeline, served, status);
    }

    private static async Task<IResult> PostSession(
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        RecommendationQuery query = QueryReader.Session(body);
        body.ForbidOthers();
        return await AnswerAsync(http, body, query, pipeline, served, status);
    }

    private static async Task<IResult> AnswerAsync(
        HttpContext http, BodyFields body, RecommendationQuery query, RecommendationPipeline pipeline, ServedModel served, StatusReader status)
    {
        using SnapshotLease? lease = served.Lease();
        if (lease is not null)
        {
            QueryReader.CheckGenres(body, query, lease.Model);
        }

        if (body.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        if (await pipeline.RecommendAsync(query, http.TraceIdentifier) is not { } answer)
        {
            return StatusApi.NotReadyResult(status.Read());
        }

        if (query.Session is { } session && answer.UnknownMovieIds is { } unknown && session.MovieIds.All(unknown.Contains))
        {
            body.Refuse("movie_ids", string.Create(CultureInfo.InvariantCulture, $"The catalog holds none of these movies: {string.Join(", ", unknown)}"), "unknown_movies");
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        return TypedResults.Ok(answer);
    }
}
