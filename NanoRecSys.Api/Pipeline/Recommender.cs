using System.Numerics.Tensors;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Pipeline;

/// <summary>The stages of a request that compute: from a history to the list.</summary>
internal static class Recommender
{
    /// <summary>Candidates per place on a list that is reordered, so that there is something to choose from.</summary>
    private const int CandidatesPerPlace = 10;

    /// <summary>Stage <c>encode</c>: turns a history into the user's embedding, or looks up the one that was computed at publish.</summary>
    /// <returns>[D], of length 1.</returns>
    public static float[] Encode(ModelSnapshot model, History history)
    {
        if (history.PublishedAt is { } position && model.UserEmbeddings is { } known)
        {
            return known.Row(position);
        }

        return model.UserTowers.Served.Encode(history.Timed);
    }

    /// <summary>
    /// Stage <c>retrieve</c>: the items nearest to the user that the user has not seen; with a blend those with the highest sum of the
    /// cosine and what the item-item models make of the history.
    /// </summary>
    /// <param name="catalog">What to search, new movies too.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">Its items are excluded inside the search, before the best are taken.</param>
    /// <param name="request">Needs at least K; its filters work inside the search, too.</param>
    /// <param name="candidates">See <see cref="RecommendationOptions.Candidates"/>.</param>
    /// <returns>Best first; fewer than requested only if the catalog has no more.</returns>
    public static Candidate[] Retrieve(ServedCatalog catalog, float[] user, History history, RecommendationRequest request, int candidates)
    {
        var seen = new RowSet(catalog.Count);
        seen.AddRange(history.Rows);
        seen.AddRange([.. history.Excluded]);
        var nearest = new Candidate[Math.Min(catalog.Count, Math.Max(Wanted(request), candidates))]; // [C]
        var filter = new RowFilter(seen, CandidateFilter.Allowed(catalog, request.Filters));
        int found = catalog.News.Index.Search(user, filter, nearest);
        if (catalog.Model.Blend is not { } blend)
        {
            return nearest[..found];
        }

        var best = new Candidate[nearest.Length]; // [C]
        return best[..blend.Search(history.Rows, user, catalog.Model.Items.Values.Span, filter, nearest.AsSpan(0, found), best)];
    }

    /// <summary>Stage <c>rank</c>: rescores the candidates; without a ranker the scores of the retrieval decide.</summary>
    /// <param name="model">The snapshot that ranks.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">The user's.</param>
    /// <param name="candidates">[C] of trained and of new items, with their cosines.</param>
    /// <param name="newItems">Where the new ones are looked up.</param>
    /// <returns>[C] with the served scores, best first; equal scores by row.</returns>
    public static Candidate[] Rank(ModelSnapshot model, float[] user, History history, Candidate[] candidates, NewItems? newItems = null)
    {
        if (candidates.Length == 0)
        {
            return candidates;
        }

        if (model.Ranker is not { } ranker)
        {
            return [.. BestFirst(candidates).Select(candidate => candidate with { Score = model.ToScore(candidate.Score) })];
        }

        float[] scores = ranker.Score(user, history.Rows, candidates, newItems); // [C]
        return [.. BestFirst(candidates.Select((candidate, i) => candidate with { Score = scores[i] }))
            .Select(candidate => candidate with { Score = model.ToScore(candidate.Score) })];
    }

    /// <summary>
    /// The fallback: what people start with for a new user, what most people watch if the model cannot be used.
    /// </summary>
    /// <returns>The most popular items that pass the filters, outside the history; score = log(1 + count) / log(1 + largest count), 0..1.</returns>
    public static Candidate[] Popular(ServedCatalog catalog, History history, RecommendationRequest request)
    {
        ModelSnapshot model = catalog.Model;
        bool isNew = history.EmptyReason is not null;
        RowSet? allowed = CandidateFilter.Allowed(catalog, request.Filters);
        HashSet<int> seen = [.. history.Rows, .. history.Excluded];
        float logMost = MathF.Log(1 + (isNew ? model.FirstMovies.Most : model.MostInteractions));
        int CountOf(int row) => isNew ? model.FirstMovies.CountOf(row) : catalog.ItemAt(row).Count;
        return [.. (isNew ? model.FirstMovies.ByCount : model.ByPopularity)
            .Concat(Enumerable.Range(catalog.News.FirstRow, catalog.News.Count)) // nobody has watched them yet
            .Where(row => !seen.Contains(row) && allowed?.Contains(row) != false)
            .Take(Wanted(request))
            .Select(row => new Candidate(row, logMost > 0 ? MathF.Log(1 + CountOf(row)) / logMost : 0))];
    }

    /// <summary>Takes K of the ranked candidates: the first, or others with diversity or a popularity penalty. The scores stay the model's.</summary>
    /// <param name="catalog">For embeddings and popularity.</param>
    /// <param name="ranked">[C], best first.</param>
    /// <param name="request">K and the weights.</param>
    /// <returns>At most K, in their new order.</returns>
    public static Candidate[] Reorder(ServedCatalog catalog, Candidate[] ranked, RecommendationRequest request)
    {
        if (!request.IsReordered || ranked.Length == 0)
        {
            return ranked[..Math.Min(request.K, ranked.Length)];
        }

        double[] worth = Worth(catalog, ranked, request.PopularityPenalty); // [C]
        var nearest = new double[ranked.Length]; // [C] largest cosine with a chosen one
        var taken = new bool[ranked.Length];
        var chosen = new Candidate[Math.Min(request.K, ranked.Length)];
        for (int place = 0; place < chosen.Length; place++)
        {
            int best = -1;
            double most = double.NegativeInfinity;
            for (int c = 0; c < ranked.Length; c++)
            {
                double value = (1 - request.Diversity) * worth[c] - request.Diversity * nearest[c];
                if (!taken[c] && value > most)
                {
                    (best, most) = (c, value);
                }
            }

            taken[best] = true;
            chosen[place] = ranked[best];
            ReadOnlySpan<float> embedding = catalog.EmbeddingOf(ranked[best].Row);
            for (int c = 0; request.Diversity > 0 && c < ranked.Length; c++)
            {
                double cosine = TensorPrimitives.Dot(embedding, catalog.EmbeddingOf(ranked[c].Row));
                nearest[c] = place == 0 ? cosine : Math.Max(nearest[c], cosine);
            }
        }

        return chosen;
    }

    private static int Wanted(RecommendationRequest request) => request.IsReordered ? request.K * CandidatesPerPlace : request.K;

    private static IOrderedEnumerable<Candidate> BestFirst(IEnumerable<Candidate> candidates) =>
        candidates.OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row);

    // Scores as a share of their span, so that both weights mean the same for cosines and for sigmoids.
    private static double[] Worth(ServedCatalog catalog, Candidate[] ranked, double popularityPenalty)
    {
        double low = ranked.Min(candidate => candidate.Score);
        double span = Math.Max(ranked.Max(candidate => candidate.Score) - low, 1e-9);
        double logMax = Math.Log(1 + catalog.Model.MostInteractions);
        return [.. ranked.Select(candidate =>
        {
            double popularity = logMax > 0 ? Math.Log(1 + catalog.ItemAt(candidate.Row).Count) / logMax : 0;
            return (candidate.Score - low) / span - popularityPenalty * popularity;
        })];
    }
}
