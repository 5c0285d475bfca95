using Microsoft.AspNetCore.Mvc;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Outcomes;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Serving;
using NanoRecSys.ServiceDefaults;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>POST /recommendations</c>, and in nanoRecSys' form <c>POST /recommend</c> and <c>POST /recommend/session</c>.</summary>
internal static class RecommendationsApi
{
    private const int MaxBodyBytes = 1024 * 1024; // a session of a thousand long ids

    public static void AddRecommendations(this WebApplicationBuilder builder)
    {
        builder.AddSettings<RecommendationOptions>(RecommendationOptions.Section);
        builder.AddSettings<OverloadOptions>(OverloadOptions.Section);
        builder.Services.AddSingleton<Outages>();
        builder.Services.AddSingleton<CacheMemory>();
        builder.Services.AddSingleton<RecommendationCache>();
        builder.Services.AddSingleton<ComputeLimiter>();
        builder.Services.AddSingleton<StoredHistories>();
        builder.Services.AddSingleton<RecommendationPipeline>();
        builder.Services.AddSingleton<RequestWarmUp>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RequestWarmUp>());
    }

    public static void MapRecommendations(this IEndpointRouteBuilder app)
    {
        app.MapPost("/recommendations", PostRecommendations)
            .WithTags("Recommendations")
            .WithSummary("The items that a user, or a session, most likely wants next, also beside an item in view")
            .WithDescription(
                "Filters work inside the search, so k items come back where they exist. A boost multiplies the odds of an item; a pin puts one at a position. " +
                "Hidden and unavailable items never come back. Ids that the catalog does not hold are named in unknown_item_ids. Unknown fields are refused.")
            .WithJsonBody<RecommendationsRequest, RecommendationsResponse>(
                """
                {"user_id": 42, "item_id": 1, "k": 10, "explain": true, "filters": {"categories_none": ["Horror"], "where": [{"field": "year", "op": ">=", "value": 1980}]},
                 "boost": [{"categories_any": ["Comedy"], "factor": 2}], "pin": [{"item_id": 260, "position": 1}]}
                """)
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Read);
        app.MapPost("/recommend", PostRecommend)
            .WithTags("Recommendations")
            .WithSummary("The K movies that a user most likely wants next")
            .WithDescription(
                "An unknown user gets the movies that most people here start with, and a fallback_reason in debug_timing. Movies already seen are never among them. " +
                "Unknown fields are ignored, except those of filters.")
            .WithJsonBody<RecommendRequest, RecommendResponse>(
                """{"user_id": 42, "k": 10, "explain": true, "include_history": true, "filters": {"genres_none": ["Horror"], "year_from": 1980}, "diversity": 0.3}""")
            .RequireKey(KeyRole.Read); // a list and its reasons say what the user has seen
        app.MapPost("/recommend/session", PostSession)
            .WithTags("Recommendations")
            .WithSummary("The same for a list of movies, oldest first, instead of a user")
            .WithDescription("Ids that the catalog does not hold are left out and named in unknown_movie_ids; it is an error where it holds none of them. Unknown fields are refused.")
            .WithJsonBody<SessionRequest, RecommendResponse>("""{"movie_ids": [1, 32, 260], "times": [1767225600, 1767312000, 1767398400], "k": 10}""")
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes));
    }

    private static async Task<IResult> PostRecommend(
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, ItemStore items, StatusReader status, ImpressionLog impressions, CancellationToken cancellationToken)
    {
        if (await PlainBody.TryReadAsync(http.Request, cancellationToken) is { } plain)
        {
            return await RespondAsync(http, plain, body: null, pipeline, served, items, status, impressions);
        }

        BodyFields body = await JsonBody.ReadAsync(http.Request, cancellationToken);
        return await RespondAsync(http, RequestReader.User(body), body, pipeline, served, items, status, impressions);
    }

    private static async Task<IResult> PostRecommendations(
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, ItemStore items, StatusReader status, ImpressionLog impressions, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        RecommendationRequest request = RequestReader.Items(body);
        return body.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(body.Errors)) : await RespondAsync(http, request, body, pipeline, served, items, status, impressions);
    }

    private static async Task<IResult> PostSession(
        HttpContext http, RecommendationPipeline pipeline, ServedModel served, ItemStore items, StatusReader status, ImpressionLog impressions, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        return await RespondAsync(http, RequestReader.Session(body), body, pipeline, served, items, status, impressions);
    }

    // The model that checks is the one that recommends: versions side by side may have other items and attributes.
    private static async Task<IResult> RespondAsync(
        HttpContext http, RecommendationRequest request, BodyFields? body, RecommendationPipeline pipeline, ServedModel served, ItemStore items, StatusReader status,
        ImpressionLog impressions)
    {
        using SnapshotLease? lease = served.Lease(request.Bucket);
        ServedCatalog? catalog = lease is null ? null : items.Extend(lease.Model);
        if (body is not null && catalog is not null)
        {
            RequestReader.CheckAgainst(catalog, request, body);
        }

        if (body?.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        if (catalog is null)
        {
            return StatusApi.NotReadyResult(status.Read());
        }

        if (request.ExcludeShown > 0)
        {
            IEnumerable<EntityId> shown = (await impressions.ReadItemsAsync(request.UserId!.Value, request.ExcludeShown)).Where(id => catalog.TryFind(id, out _));
            ItemFilter filter = request.Filter ?? new ItemFilter([], [], []);
            request = request with { Filter = filter with { ExcludeIds = [.. filter.ExcludeIds, .. shown] } };
        }

        RecommendationResponse response = await pipeline.RecommendAsync(request, catalog, http.TraceIdentifier);
        if (response.Entry is null)
        {
            return ComputeFilter.Busy(http);
        }

        impressions.Add(request, response, catalog.Model.Version);
        return response;
    }
}
