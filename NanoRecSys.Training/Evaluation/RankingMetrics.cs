namespace NanoRecSys.Training.Evaluation;

/// <summary>Averages over users of what a rank is worth, each user having one item to find.</summary>
/// <remarks>With one relevant item, Recall@K is HR@K and the ideal DCG is 1. Both names are kept: tables use either.</remarks>
public static class RankingMetrics
{
    public static readonly IReadOnlyList<int> Cutoffs = [10, 20, 50, 100, 200];

    /// <summary>What one user adds to HR@K.</summary>
    public static double Hit(int rank, int k) => rank <= k ? 1 : 0;

    /// <summary>What one user adds to NDCG@K.</summary>
    public static double Gain(int rank, int k) => rank <= k ? 1 / Math.Log2(rank + 1) : 0;

    /// <param name="ranks">[users] 1 is the best.</param>
    /// <param name="depth">Largest cutoff that means something; see <see cref="IScorer.Depth"/>.</param>
    /// <returns><c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>, ... each in 0..1.</returns>
    public static IReadOnlyDictionary<string, double> Of(IReadOnlyList<int> ranks, int? depth = null)
    {
        ArgumentNullException.ThrowIfNull(ranks);
        var metrics = new Dictionary<string, double>();
        foreach (int k in Cutoffs.Where(k => k <= (depth ?? int.MaxValue)))
        {
            double hits = 0, gain = 0, reciprocal = 0;
            foreach (int rank in ranks.Where(rank => rank <= k))
            {
                hits += Hit(rank, k);
                gain += Gain(rank, k);
                reciprocal += 1.0 / rank;
            }

            double users = Math.Max(1, ranks.Count);
            metrics[$"hr@{k}"] = hits / users;
            metrics[$"ndcg@{k}"] = gain / users;
            metrics[$"mrr@{k}"] = reciprocal / users;
            metrics[$"recall@{k}"] = hits / users;
        }

        return metrics;
    }
}
