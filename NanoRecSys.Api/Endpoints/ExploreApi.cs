using System.ComponentModel;
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
        EntityId wanted = fields.PathId(id);
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
        EntityId item = fields.PathId(id);
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

/// <summary><c>GET /users/{id}/lists</c>, <c>GET /items/{id}/lists</c>: the recommendations of each part of the served model.</summary>
internal static class UserListsApi
{
    private const int MaxItems = 50;

    private const string Parts =
        "served: all parts together; retriever: the nearest items by cosine; item_models: each of the version's item-item models, if it has any; popular: the most popular items not in the " +
        "history; similar, only for users: the nearest to the newest item of the history. Parts without recommendations are omitted.";

    public static void MapUserLists(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder browsing = app.MapGroup("").WithTags("Browsing").AddEndpointFilter<RouteGroupBuilder, ComputeFilter>();
        browsing.MapGet("/users/{id}/lists", GetListsOfUser)
            .WithSummary("Recommendations of each part of the model for a user, without stored rules").WithDescription(Parts).WithAnswer<UserLists>().RequireKey(KeyRole.Read);
        browsing.MapGet("/items/{id}/lists", GetListsOfItem)
            .WithSummary("Recommendations of each part of the model for a user with only this item in the history, without stored rules").WithDescription(Parts).WithAnswer<UserLists>();
    }

    private static Task<IResult> GetListsOfUser(LookUp lookUp, string id, [Description("1 to 50; default: 10")] string? k = null)
    {
        var fields = new UrlFields();
        EntityId user = fields.PathId(id);
        int take = fields.Int32("k", k, 10, 1, MaxItems);
        return lookUp.AnswerAsync(fields, async catalog =>
        {
            History history = await lookUp.ReadHistoryAsync(catalog, user);
            return TypedResults.Ok(ListsOf(catalog, history, new RecommendationRequest { UserId = user, K = take }));
        });
    }

    private static IResult GetListsOfItem(LookUp lookUp, string id, [Description("1 to 50; default: 10")] string? k = null)
    {
        var fields = new UrlFields();
        EntityId item = fields.PathId(id);
        int take = fields.Int32("k", k, 10, 1, MaxItems);
        return lookUp.Answer(fields, catalog =>
        {
            var request = new RecommendationRequest { ItemIds = [item], K = take };
            return catalog.TryFind(item, out _)
                ? TypedResults.Ok(ListsOf(catalog, HistoryReader.Read(catalog, request, UserEvents.None), request))
                : TypedResults.NotFound(new PlainError($"Item {item} is not in the catalog."));
        });
    }

    private static UserLists ListsOf(ServedCatalog catalog, History history, RecommendationRequest request) => new(catalog.Model.Version, [.. Lists(catalog, history, request)
        .Where(list => list.Candidates.Length > 0)
        .Select(list => new UserListOf(list.Name, list.Models, [.. list.Candidates.Take(request.K).Select(candidate => new RecommendedItem(catalog.ItemAt(candidate.Row).ToItemInfo(), candidate.Score))]))]);

    private static IEnumerable<(string Name, IReadOnlyList<string> Models, Candidate[] Candidates)> Lists(ServedCatalog catalog, History history, RecommendationRequest request)
    {
        ModelSnapshot model = catalog.Model;
        var rules = ListRules.Of(catalog, request);
        if (history.EmptyReason is null)
        {
            float[] embedding = Recommender.Encode(catalog, history); // [D]
            Candidate[] candidates = Recommender.Retrieve(catalog, embedding, history, request, rules, candidates: 100);
            yield return ("served", [], Recommender.Arrange(catalog, Recommender.Rank(catalog, embedding, history, candidates, rules), request, rules));

            RowFilter filter = Recommender.Unseen(catalog, history, rules);
            Candidate[] Nearest(ReadOnlySpan<float> query)
            {
                var nearest = new Candidate[Math.Min(catalog.Count, request.K)];
                return nearest[..catalog.Index.Search(query, filter, nearest)];
            }

            yield return ("retriever", [model.Artifacts.Manifest.Model.Kind], Nearest(embedding));
            foreach ((ItemBlend part, ItemListInfo info) in (model.Blend?.Parts ?? []).Zip(model.Artifacts.Manifest.Blend ?? []))
            {
                float[] nothing = new float[embedding.Length]; // all cosines are 0, so only the item-item model scores
                var best = new Candidate[Math.Min(catalog.Count, request.K)];
                int found = part.Search(history.Rows, nothing, model.Items.Values.Span, filter, Nearest(nothing), best);
                yield return ("item_models", [info.Name], [.. best[..found].Where(candidate => candidate.Score > 0)]);
            }

            if (request.UserId is not null)
            {
                yield return ("similar", [], Nearest(catalog.EmbeddingOf(history.Rows[^1])));
            }
        }

        yield return ("popular", [], Recommender.Popular(catalog, history, request, rules));
    }
}
