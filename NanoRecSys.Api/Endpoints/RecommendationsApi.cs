using Microsoft.AspNetCore.Mvc;
using NanoRecSys.Api.Outcomes;
using NanoRecSys.Api.Rules;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>POST /recommendations</c>, and their nanoRecSys counterparts <c>POST /recommend</c> and <c>POST /recommend/session</c>.</summary>
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
        builder.Services.AddSingleton<RecommendationPipeline>();
        builder.Services.AddBackground<RequestWarmUp>();
    }

    public static void MapRecommendations(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder recommendations = app.MapGroup("").WithTags("Recommendations");
        recommendations.MapPost("/recommendations", PostRecommendations)
            .WithSummary("The items that a user or a session most likely wants next, optionally for an item in view")
            .WithDescription(
                "The search itself filters, so k items are returned if they exist. A boost multiplies the odds of an item; a pin puts an item at a position. " +
                "Hidden and unavailable items are never returned. Ids that are not in the catalog are listed in unknown_item_ids. Unknown fields are refused.")
            .WithJsonBody<RecommendationsRequest, RecommendationsResponse>(
                """
                {"user_id": 42, "item_id": 1, "k": 10, "explain": true, "filters": {"categories_none": ["Horror"], "where": [{"field": "year", "op": ">=", "value": 1980}]},
                 "boost": [{"categories_any": ["Comedy"], "factor": 2}], "pin": [{"item_id": 260, "position": 1}]}
                """)
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Read);
        recommendations.MapPost("/recommendations/preview", PostPreview)
            .WithSummary("Recommendations with other rules than the stored ones, or with a version that is not served")
            .WithDescription(
                "Previews rules before they are saved, or a version before it is served. A version that is not in memory is loaded first and kept for five minutes. " +
                "409: there is no such version, or it is damaged. Unknown fields are refused.")
            .WithJsonBody<PreviewRequest, RecommendationsResponse>("""{"user_id": 42, "k": 10, "rules": [{"name": "Summer", "boost": [{"categories_any": ["Comedy"], "factor": 2}]}]}""")
            .Produces<PlainError>(StatusCodes.Status409Conflict)
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Admin);
        recommendations.MapPost("/recommend", PostRecommend)
            .WithSummary("The K items that a user most likely wants next")
            .WithDescription(
                "An unknown user gets the items that most users start with, and a fallback_reason in debug_timing. Items in the history are never returned. " +
                "Unknown fields are ignored, except those of filters.")
            .WithJsonBody<RecommendRequest, RecommendResponse>(
                """{"user_id": 42, "k": 10, "explain": true, "include_history": true, "filters": {"genres_none": ["Horror"], "year_from": 1980}, "diversity": 0.3}""")
            .RequireKey(KeyRole.Read); // a list and its reasons reveal the user's history
        recommendations.MapPost("/recommend/session", PostSession)
            .WithSummary("Recommendations for a list of items, oldest first, instead of a user")
            .WithDescription("Ids that are not in the catalog are ignored and listed in unknown_movie_ids; it is an error if none is in the catalog. Unknown fields are refused.")
            .WithJsonBody<SessionRequest, RecommendResponse>("""{"movie_ids": [1, 32, 260], "times": [1767225600, 1767312000, 1767398400], "k": 10}""")
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes));
    }

    private static async Task<IResult> PostRecommend(
        HttpContext http, [AsParameters] RecommendationServices services, CancellationToken cancellationToken)
    {
        if (await PlainBody.TryReadAsync(http.Request, cancellationToken) is { } plain)
        {
            return await RespondAsync(http, plain, body: null, services);
        }

        BodyFields body = await JsonBody.ReadAsync(http.Request, cancellationToken);
        return await RespondAsync(http, RequestReader.User(body), body, services);
    }

    private static async Task<IResult> PostRecommendations(HttpContext http, [AsParameters] RecommendationServices services, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        RecommendationRequest request = RequestReader.Items(body);
        return body.Errors.Count > 0 ? TypedResults.UnprocessableEntity(new FieldErrors(body.Errors)) : await RespondAsync(http, request, body, services);
    }

    private static async Task<IResult> PostSession(HttpContext http, [AsParameters] RecommendationServices services, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        return await RespondAsync(http, RequestReader.Session(body), body, services);
    }

    private static async Task<IResult> PostPreview(
        HttpContext http, [AsParameters] RecommendationServices services, PreviewModel models, TimeProvider time, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        (RecommendationRequest request, StoredRule[]? rules, string? version) = RequestReader.Preview(body);
        if (body.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        try
        {
            using SnapshotLease? lease = version is null ? services.LookUp.Served.Lease(request.Bucket) : await models.LeaseAsync(version, cancellationToken);
            if (lease is not null)
            {
                RequestReader.CheckAgainst(services.LookUp.Items.Extend(lease.Model), rules ?? [], body);
            }

            RulesInForce? inForce = rules is null ? services.Rules.InForce : new RuleSet(0, rules).InForce(time.GetUtcNow());
            return await RespondAsync(http, request with { Rules = inForce }, body, lease, services, isShown: false);
        }
        catch (ArtifactException e)
        {
            return TypedResults.Conflict(new PlainError(e.Message));
        }
    }

    private static async Task<IResult> RespondAsync(HttpContext http, RecommendationRequest request, BodyFields? body, RecommendationServices services)
    {
        using SnapshotLease? lease = services.LookUp.Served.Lease(request.Bucket);
        return await RespondAsync(http, services.Rules.InForce is { } inForce ? request with { Rules = inForce } : request, body, lease, services, isShown: true);
    }

    // The model that validates also recommends: versions served side by side may have different items and attributes.
    private static async Task<IResult> RespondAsync(
        HttpContext http, RecommendationRequest request, BodyFields? body, SnapshotLease? lease, RecommendationServices services, bool isShown)
    {
        ServedCatalog? catalog = lease is null ? null : services.LookUp.Items.Extend(lease.Model);
        if (body is not null && catalog is not null)
        {
            RequestReader.CheckAgainst(catalog, request, body);
        }

        if (catalog is null || body?.Errors.Count > 0)
        {
            return services.LookUp.Refusal(body?.Errors ?? [], lease)!;
        }

        if (request.ExcludeShown > 0)
        {
            IEnumerable<EntityId> shown = (await services.Impressions.ReadItemsAsync(request.UserId!.Value, request.ExcludeShown)).Where(id => catalog.TryFind(id, out _));
            ItemFilter filter = request.Filter ?? new ItemFilter([], [], []);
            request = request with { Filter = filter with { ExcludeIds = [.. filter.ExcludeIds, .. shown] } };
        }

        RecommendationResponse response = await services.Pipeline.RecommendAsync(request, catalog, http.TraceIdentifier);
        if (response.Entry is null)
        {
            return ComputeFilter.Busy(http);
        }

        if (isShown)
        {
            services.Impressions.Add(request, response, catalog.Model.Version);
        }

        return response;
    }
}

internal readonly record struct RecommendationServices(RecommendationPipeline Pipeline, LookUp LookUp, RuleStore Rules, ImpressionLog Impressions);
