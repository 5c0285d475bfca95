using System.ComponentModel;

namespace NanoRecSys.Api.Endpoints;

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
        EntityId user = fields.Id("path", "id", id);
        int take = fields.Int32("query", "k", k, 10, 1, MaxItems);
        return lookUp.AnswerAsync(fields, async catalog =>
        {
            History history = await lookUp.ReadHistoryAsync(catalog, user);
            return TypedResults.Ok(ListsOf(catalog, history, new RecommendationRequest { UserId = user, K = take }));
        });
    }

    private static IResult GetListsOfItem(LookUp lookUp, string id, [Description("1 to 50; default: 10")] string? k = null)
    {
        var fields = new UrlFields();
        EntityId item = fields.Id("path", "id", id);
        int take = fields.Int32("query", "k", k, 10, 1, MaxItems);
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
