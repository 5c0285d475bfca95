using System.Runtime.CompilerServices;
using System.Text.Json;
using Microsoft.AspNetCore.Http.HttpResults;

namespace NanoRecSys.Api.Endpoints;

/// <summary>A single item, and all items on a plane: <c>GET /items/{id}</c>, <c>/items/{id}/audience</c>, <c>/map</c>.</summary>
internal static class ExploreApi
{
    // A megabyte of JSON that never changes within a version: written once, collected with the version.
    private static readonly ConditionalWeakTable<ModelSnapshot, Lazy<byte[]>> Maps = [];

    public static void MapExplore(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder explore = app.MapGroup("").WithTags("Browsing").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>();
        explore.MapGet("/items/{id}", GetItem).WithSummary("An item's data and its popularity rank").WithAnswer<ItemDetail>();
        explore.MapGet("/items/{id}/audience", GetAudience)
            .WithSummary("Users to whom the model would show an item").WithAnswer<ItemAudience>().RequireKey(KeyRole.Read);
        explore.MapGet("/map", GetMap)
            .WithSummary("The item embeddings on a plane, laid out when the version was published").WithAnswer<ItemMap>();
    }

    private static IResult GetItem(LookUp lookUp, string id)
    {
        var fields = new UrlFields();
        EntityId wanted = fields.Id("path", "id", id);
        return lookUp.Answer(fields, catalog =>
        {
            if (lookUp.Find(catalog, wanted) is not { } item)
            {
                return Unknown(wanted);
            }

            ModelSnapshot model = catalog.Model;
            bool isKnown = model.Catalog.TryFind(wanted, out int row);
            return TypedResults.Ok(new ItemDetail(
                item.ToItemInfo(), item.Count, isKnown ? 1 + model.Catalog.Items.Count(other => other.Count > item.Count) : null, model.Catalog.Count,
                isKnown ? model.ItemMap?[2 * row] : null, isKnown ? model.ItemMap?[2 * row + 1] : null));
        });
    }

    private static Task<IResult> GetAudience(LookUp lookUp, ForgottenUsers forgotten, string id)
    {
        var fields = new UrlFields();
        EntityId item = fields.Id("path", "id", id);
        IResult Compute() => lookUp.Answer(fields, catalog => catalog.Model.Catalog.TryFind(item, out int row)
            ? TypedResults.Ok(Audience.Of(catalog.Model, row, forgotten.PositionsInAsync(catalog.Model).GetAwaiter().GetResult())) // runs on a thread of its own
            : Unknown(item));

        // Takes tens of milliseconds, or seconds while the sample is drawn: must not block a thread that health checks need.
        return Task.Factory.StartNew(Compute, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
    }

    private static IResult GetMap(LookUp lookUp) => lookUp.Answer(new UrlFields(), catalog => catalog.Model is { ItemMap: { } places } model
        // As a stream: written in pieces, so that a slow client holds only one piece in memory.
        ? TypedResults.Stream(new MemoryStream(Maps.GetValue(model, _ => new Lazy<byte[]>(() => WriteMap(model, places))).Value, writable: false), "application/json; charset=utf-8")
        : TypedResults.NotFound(new PlainError($"Version {catalog.Model.Version} was published without a map. Run 'publish' again.")));

    private static byte[] WriteMap(ModelSnapshot model, float[] places) => JsonSerializer.SerializeToUtf8Bytes(
        new ItemMap(
            model.Version, model.Artifacts.Manifest.ItemMap!.Method, model.Artifacts.Manifest.ItemMap.Kept,
            [.. model.Catalog.Items.Select(item => new MapPoint(item.ToItemInfo(), item.Count, places[2 * item.Index], places[2 * item.Index + 1]))]),
        ApiJson.Default.ItemMap);

    private static NotFound<PlainError> Unknown(EntityId item) => TypedResults.NotFound(new PlainError($"Item {item} is not in the served model's catalog."));
}
