using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Status;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary><c>POST /recommend</c> and <c>POST /recommend/session</c>.</summary>
internal static class RecommendationsApi
{
    private const int DefaultK = 10;
    private const int MaxSession = 1000;

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

    public static void MapRecommendations(this WebApplication app)
    {
        app.MapPost("/recommend", PostRecommend)
            .WithTags("Recommendations")
            .WithSummary("The K movies that a user most likely wants next")
            .WithDescription("An unknown user gets the popular movies, with a fallback_reason in debug_timing. Movies already seen are never among them.")
            .WithJsonBody<RecommendRequest, RecommendResponse>("""{"user_id": 42, "k": 10, "explain": true, "include_history": true}""");
        app.MapPost("/recommend/session", PostSession)
            .WithTags("Recommendations")
            .WithSummary("The same for a list of movies, oldest first, instead of a user")
            .WithDescription("Ids that the catalog does not hold are left out and named in unknown_movie_ids.")
            .WithJsonBody<SessionRequest, RecommendResponse>("""{"movie_ids": [1, 32, 260], "k": 10}""");
    }

    private static async Task<IResult> PostRecommend(
        HttpRequest request, RecommendationPipeline pipeline, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadAsync(request, cancellationToken);
        var query = new RecommendationQuery
        {
            UserId = body.Int32("user_id", fallback: null),
            K = body.Int32("k", DefaultK, 1, RecommendationQuery.MaxK),
            Explain = body.Boolean("explain", false),
            IncludeHistory = body.Boolean("include_history", false),
        };
        return await AnswerAsync(body, query, pipeline, status);
    }

    private static async Task<IResult> PostSession(
        HttpRequest request, RecommendationPipeline pipeline, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadAsync(request, cancellationToken);
        var query = new RecommendationQuery
        {
            Session = body.Int32List("movie_ids", MaxSession),
            K = body.Int32("k", DefaultK, 1, RecommendationQuery.MaxK),
            Explain = body.Boolean("explain", false),
        };
        return await AnswerAsync(body, query, pipeline, status);
    }

    private static async Task<IResult> AnswerAsync(
        BodyFields body, RecommendationQuery query, RecommendationPipeline pipeline, StatusReader status) =>
        body.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(body.Errors))
        : await pipeline.RecommendAsync(query) is { } answer ? TypedResults.Ok(answer)
        : StatusApi.NotReadyResult(status.Read());
}
