using System.ComponentModel;

namespace NanoRecSys.Api.Endpoints;

/// <summary><c>GET /users/{id}/lists</c>: what each part of the served model would recommend by itself.</summary>
internal static class UserListsApi
{
    private const int MaxItems = 50;

    public static void MapUserLists(this IEndpointRouteBuilder app) => app.MapGet("/users/{id}/lists", GetLists)
        .WithTags("Browsing")
        .AddEndpointFilter<RouteHandlerBuilder, ComputeFilter>()
        .WithSummary("What each part of the model recommends to a user by itself, without stored rules")
        .WithDescription(
            "served: all parts together; retriever: the nearest items by cosine; item_models: the item-item models of the version, if it has any; popular: the most popular items that the user " +
            "has not had; similar: the nearest to the newest item of the history. Parts that cannot say anything are left out.")
        .WithAnswer<UserLists>()
        .RequireKey(KeyRole.Read);

    private static async Task<IResult> GetLists(LookUp lookUp, StoredHistories histories, string id, [Description("1 to 50; default: 10")] string? k = null)
    {
        var fields = new UrlFields();
        EntityId user = fields.Id("path", "id", id);
        int take = fields.Int32("query", "k", k, 10, 1, MaxItems);
        using SnapshotLease? lease = lookUp.Served.Lease();
        if (lookUp.Refusal(fields, lease) is { } refusal)
        {
            return refusal;
        }

        ServedCatalog catalog = lookUp.Items.Extend(lease!.Model);
        History history = await histories.ReadAsync(catalog, user);
        return TypedResults.Ok(new UserLists(catalog.Model.Version, [.. Lists(catalog, history, new RecommendationRequest { UserId = user, K = take })
            .Where(list => list.Candidates.Length > 0)
            .Select(list => new UserListOf(list.Name, list.Models, [.. list.Candidates.Take(take).Select(candidate => new RecommendedItem(catalog.ItemAt(candidate.Row).ToItemInfo(), candidate.Score))]))]));
    }

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
            if (model.Blend is { } blend)
            {
                float[] nothing = new float[embedding.Length]; // the cosines are nought: only the item-item models score
                var best = new Candidate[Math.Min(catalog.Count, request.K)];
                int found = blend.Search(history.Rows, nothing, model.Items.Values.Span, filter, Nearest(nothing), best);
                yield return ("item_models", [.. model.Artifacts.Manifest.Blend!.Select(list => list.Name)], [.. best[..found].Where(candidate => candidate.Score > 0)]);
            }

            yield return ("similar", [], Nearest(catalog.EmbeddingOf(history.Rows[^1])));
        }

        yield return ("popular", [], Recommender.Popular(catalog, history, request, rules));
    }
}
