using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Http.HttpResults;
using NanoRecSys.Api.Endpoints;

namespace NanoRecSys.Api.Rules;

/// <summary><c>GET /rules</c> and <c>PUT /rules</c>: rules for every list of recommendations.</summary>
internal static class RulesApi
{
    private const int MaxBodyBytes = 1024 * 1024;
    private const string Example =
        """
        {"version": 0, "rules": [{"name": "Summer", "from": "2026-06-01T00:00:00Z", "until": "2026-09-01T00:00:00Z",
         "boost": [{"categories_any": ["Comedy"], "factor": 2}], "pin": [{"item_id": 260, "position": 1}], "hide": [{"where": [{"field": "year", "op": "<", "value": 1950}]}]}]}
        """;

    public static void AddRules(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<RuleStore>();
        builder.Services.AddHostedService(services => services.GetRequiredService<RuleStore>());
    }

    public static void MapRules(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder rules = app.MapGroup("/rules").WithTags("Rules");
        rules.MapGet("", (RuleStore store) => Shown(store.Current))
            .WithSummary("The boosted, pinned and hidden items of all lists")
            .Produces<RuleDocument>()
            .RequireKey(KeyRole.Read);
        rules.MapPut("", PutRules)
            .WithSummary("Replaces all rules")
            .WithDescription(
                "Takes effect on every replica at once, including cached lists. A boost multiplies the odds of items, a pin puts an item at a position in every list, and a hidden item is never returned; lists keep their k items. " +
                "409: the rules have changed since the version in the body; read them again. Unknown fields are refused.")
            .WithJsonBody<RuleDocument, RuleDocument>(Example)
            .Produces<PlainError>(StatusCodes.Status409Conflict)
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Admin);
    }

    private static async Task<IResult> PutRules(
        HttpContext http, RuleStore store, ServedModel served, ItemStore items, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        int version = body.Int32("version", null, 0);
        StoredRule[] rules = RequestReader.Rules(body);
        body.ForbidOthers();
        using SnapshotLease? lease = served.Lease();
        if (lease is not null)
        {
            RequestReader.CheckAgainst(items.Extend(lease.Model), rules, body);
        }

        if (body.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        if (lease is null)
        {
            return StatusApi.NotReadyResult(status.Read());
        }

        try
        {
            return await store.ReplaceAsync(version, rules) is { } stored ? Shown(stored)
                : TypedResults.Conflict(new PlainError($"The rules were changed: version {store.Current.Version} is stored, not {version}. Read them again, then repeat the change."));
        }
        catch (EventStoreException e)
        {
            return EventsApi.StoreAway(http, e);
        }
    }

    private static FileContentHttpResult Shown(RuleSet rules) => TypedResults.Bytes(rules.Write(), "application/json; charset=utf-8");
}
