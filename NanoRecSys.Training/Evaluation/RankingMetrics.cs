namespace NanoRecSys.Training.Evaluation;

/// <summary>Ranking metrics averaged over users, each with one item to find.</summary>
/// <remarks>With one relevant item, Recall@K is HR@K and the ideal DCG is 1. Both names are kept: tables use either.</remarks>
internal static class RankingMetrics
{
    public static readonly IReadOnlyList<int> Cutoffs = [10, 20, 50, 100, 200];

    public static double Hit(int rank, int k) => rank <= k ? 1 : 0;

    public static double Gain(int rank, int k) => rank <= k ? 1 / Math.Log2(rank + 1) : 0;

    /// <param name="ranks">[users] 1 is the best.</param>
    /// <returns><c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>, ... each in 0..1.</returns>
    public static IReadOnlyDictionary<string, double> Of(IReadOnlyList<int> ranks, int? depth = null)
    {
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

/// <summary>Qualities of the lists other than accuracy, and accuracy by slices of users and items.</summary>
internal static class BeyondAccuracy
{
    public const int K = 10;

    public const string ByHistory = "history";
    public const string ByPopularity = "item popularity";

    private static readonly int[] HistoryEdges = [5, 20, 50, 100]; // longest history of each slice
    private static readonly (double Share, string Name)[] ItemTiers = [(0.01, "top 1%"), (0.1, "top 10%"), (0.5, "top half"), (1, "rest")];

    /// <param name="lists">[U, K] best first; row -1 after the last.</param>
    /// <param name="trainCounts">[V] interactions of each item in the training part.</param>
    public static ListQuality Of(ReadOnlySpan<Candidate> lists, Catalog catalog, IReadOnlyList<int> trainCounts, int users)
    {
        var recommended = new HashSet<int>();
        int[] tier = Tiers(trainCounts);
        double novelty = 0, distance = 0;
        int slots = 0, inHead = 0, pairs = 0;
        for (int start = 0; start < lists.Length; start += K)
        {
            ReadOnlySpan<Candidate> list = lists.Slice(start, K);
            for (int i = 0; i < K && list[i].Row >= 0; i++)
            {
                int row = list[i].Row;
                recommended.Add(row);
                slots++;
                inHead += tier[row] == 0 ? 1 : 0;
                novelty -= Math.Log2(Math.Clamp((double)trainCounts[row] / users, 1.0 / users, 1));
                for (int j = 0; j < i; j++)
                {
                    if (Distance(catalog.Items[row].Categories, catalog.Items[list[j].Row].Categories) is { } between)
                    {
                        distance += between;
                        pairs++;
                    }
                }
            }
        }

        return new ListQuality(
            (double)recommended.Count / Math.Max(1, catalog.Count), novelty / Math.Max(1, slots), (double)inHead / Math.Max(1, slots), pairs > 0 ? distance / pairs : null);
    }

    /// <summary>Metrics by length of the history and by popularity of the target; slices without users are left out.</summary>
    /// <param name="ranks">[U] ranks of one model.</param>
    /// <param name="trainCounts">[V]</param>
    public static IReadOnlyList<MetricSlice> Slices(RankedUsers users, int[] ranks, IReadOnlyList<int> trainCounts)
    {
        int[] tier = Tiers(trainCounts);
        IEnumerable<MetricSlice> SlicesBy(string kind, int count, Func<int, int> sliceOf, Func<int, string> name) =>
            from slice in Enumerable.Range(0, count)
            let own = Enumerable.Range(0, ranks.Length).Where(user => sliceOf(user) == slice).Select(user => ranks[user]).ToArray()
            where own.Length > 0
            select new MetricSlice(kind, name(slice), own.Length, own.Average(rank => RankingMetrics.Hit(rank, K)), own.Average(rank => RankingMetrics.Gain(rank, K)));

        return [
            .. SlicesBy(ByHistory, HistoryEdges.Length + 1, user => HistoryEdges.Count(edge => users.HistoryLengths[user] > edge), HistoryName),
            .. SlicesBy(ByPopularity, ItemTiers.Length, user => tier[users.Targets[user]], slice => ItemTiers[slice].Name)];
    }

    private static string HistoryName(int slice) => slice switch
    {
        0 => $"1-{HistoryEdges[0]}",
        _ when slice == HistoryEdges.Length => $"{HistoryEdges[^1] + 1} or more",
        _ => $"{HistoryEdges[slice - 1] + 1}-{HistoryEdges[slice]}",
    };

    /// <summary>[V] index into <see cref="ItemTiers"/> of each item; ties go to the smaller row.</summary>
    private static int[] Tiers(IReadOnlyList<int> trainCounts)
    {
        int[] tiers = new int[trainCounts.Count];
        int[] byCount = [.. Enumerable.Range(0, trainCounts.Count).OrderByDescending(row => trainCounts[row])];
        for (int place = 0; place < byCount.Length; place++)
        {
            // The first items of a share, at least one.
            tiers[byCount[place]] = ItemTiers.Count(tier => place >= Math.Max(1, (int)(tier.Share * byCount.Length)));
        }

        return Array.ConvertAll(tiers, tier => Math.Min(tier, ItemTiers.Length - 1));
    }

    /// <summary>One minus the Jaccard index; null if an item has no category.</summary>
    private static double? Distance(IReadOnlyList<string> first, IReadOnlyList<string> second)
    {
        if (first.Count == 0 || second.Count == 0)
        {
            return null;
        }

        int shared = first.Count(second.Contains);
        return 1 - (double)shared / (first.Count + second.Count - shared);
    }
}
