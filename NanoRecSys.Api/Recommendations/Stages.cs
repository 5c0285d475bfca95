using System.Numerics.Tensors;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>encode</c>: turns a history into the user's embedding, or looks up what was computed of it at publish.</summary>
internal static class UserEncoder
{
    /// <returns>[D], of length 1.</returns>
    public static float[] Encode(ModelSnapshot model, History history)
    {
        if (history.PublishedAt is { } position && model.UserEmbeddings is { } known)
        {
            return known.Row(position);
        }

        return model.UserTowers.Served.Encode(new TimedHistory(history.Rows, history.Times, history.Now));
    }
}

/// <summary>Stage <c>retrieve</c>: the items nearest to the user that the user has not seen.</summary>
internal sealed class CandidateRetriever(IOptions<RecommendationOptions> options)
{
    /// <param name="catalog">What to search, new movies too.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">Its items are excluded inside the search, before the best are taken.</param>
    /// <param name="query">Its K are needed at least; its filter works inside the search, too.</param>
    /// <returns>Best first; fewer than asked only where the catalog has no more.</returns>
    public Candidate[] Retrieve(ServedCatalog catalog, float[] user, History history, RecommendationQuery query)
    {
        var seen = new RowSet(catalog.Count);
        seen.AddRange(history.Rows);
        seen.AddRange([.. history.Excluded]);
        int wanted = query.Shape.IsNone ? query.K : query.K * ListShape.CandidatesPerPlace;
        var candidates = new Candidate[Math.Min(catalog.Count, Math.Max(wanted, options.Value.Candidates))]; // [C]
        int found = catalog.News.Index.Search(user, new RowFilter(seen, query.Filter.Allowed(catalog)), candidates);
        return candidates[..found];
    }
}

/// <summary>Stage <c>rank</c>: the second opinion on the candidates; without a ranker the cosines pass through.</summary>
internal static class CandidateRanker
{
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
            return [.. BestFirst(candidates)];
        }

        float[] scores = ranker.Score(user, history.Rows, candidates, newItems); // [C]
        return [.. BestFirst(candidates.Select((candidate, i) => candidate with { Score = scores[i] }))
            .Select(candidate => candidate with { Score = ServedRanker.Squash(candidate.Score) })];
    }

    private static IOrderedEnumerable<Candidate> BestFirst(IEnumerable<Candidate> candidates) =>
        candidates.OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row);
}

/// <summary>How the list as a whole should look. It orders and chooses anew; the scores stay the model's.</summary>
/// <param name="Diversity">0..1: weight of not resembling what stands above (maximal marginal relevance).</param>
/// <param name="PopularityPenalty">0..1: weight against the share of log-popularity.</param>
internal sealed record ListShape(double Diversity, double PopularityPenalty)
{
    public static readonly ListShape None = new(0, 0);

    /// <summary>Candidates for each place on the list, so that there is something to choose from.</summary>
    public const int CandidatesPerPlace = 10;

    public bool IsNone => this == None;

    /// <param name="catalog">For embeddings and popularity.</param>
    /// <param name="ranked">[C], best first.</param>
    /// <param name="k">Places on the list.</param>
    /// <returns>The chosen, in their new order.</returns>
    public Candidate[] Choose(ServedCatalog catalog, Candidate[] ranked, int k)
    {
        if (IsNone || ranked.Length == 0)
        {
            return ranked;
        }

        double[] worth = Worth(catalog, ranked); // [C]
        var nearest = new double[ranked.Length]; // [C] largest cosine with a chosen one
        var taken = new bool[ranked.Length];
        var chosen = new Candidate[Math.Min(k, ranked.Length)];
        for (int place = 0; place < chosen.Length; place++)
        {
            int best = -1;
            double most = double.NegativeInfinity;
            for (int c = 0; c < ranked.Length; c++)
            {
                double value = (1 - Diversity) * worth[c] - Diversity * nearest[c];
                if (!taken[c] && value > most)
                {
                    (best, most) = (c, value);
                }
            }

            taken[best] = true;
            chosen[place] = ranked[best];
            ReadOnlySpan<float> embedding = catalog.EmbeddingOf(ranked[best].Row);
            for (int c = 0; Diversity > 0 && c < ranked.Length; c++)
            {
                double cosine = TensorPrimitives.Dot(embedding, catalog.EmbeddingOf(ranked[c].Row));
                nearest[c] = place == 0 ? cosine : Math.Max(nearest[c], cosine);
            }
        }

        return chosen;
    }

    // Scores as a share of their span, so that both weights mean the same for cosines and for sigmoids.
    private double[] Worth(ServedCatalog catalog, Candidate[] ranked)
    {
        double low = ranked.Min(candidate => candidate.Score);
        double span = Math.Max(ranked.Max(candidate => candidate.Score) - low, 1e-9);
        double logMax = Math.Log(1 + catalog.Model.MostInteractions);
        return [.. ranked.Select(candidate =>
        {
            double popularity = logMax > 0 ? Math.Log(1 + catalog.ItemAt(candidate.Row).Count) / logMax : 0;
            return (candidate.Score - low) / span - PopularityPenalty * popularity;
        })];
    }
}

/// <summary>The fallback: what people here start with for somebody new, what most watch where the model cannot be asked.</summary>
internal static class PopularItems
{
    /// <returns>The most popular items that pass the query's filter, outside the history; score = log(1 + count) / log(1 + largest count), 0..1.</returns>
    public static Candidate[] Take(ServedCatalog catalog, History history, RecommendationQuery query)
    {
        ModelSnapshot model = catalog.Model;
        bool isNew = history.EmptyReason is not null;
        RowSet? allowed = query.Filter.Allowed(catalog);
        HashSet<int> seen = [.. history.Rows, .. history.Excluded];
        float logMost = MathF.Log(1 + (isNew ? model.FirstMovies.Most : model.MostInteractions));
        int CountOf(int row) => isNew ? model.FirstMovies.CountOf(row) : catalog.ItemAt(row).Count;
        return [.. (isNew ? model.FirstMovies.ByCount : model.ByPopularity)
            .Concat(Enumerable.Range(catalog.News.FirstRow, catalog.News.Count)) // nobody watched them yet
            .Where(row => !seen.Contains(row) && allowed?.Contains(row) != false)
            .Take(query.Shape.IsNone ? query.K : query.K * ListShape.CandidatesPerPlace)
            .Select(row => new Candidate(row, logMost > 0 ? MathF.Log(1 + CountOf(row)) / logMost : 0))];
    }
}
