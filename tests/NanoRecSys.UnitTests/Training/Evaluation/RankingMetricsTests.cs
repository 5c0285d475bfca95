using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class RankingMetricsTests
{
    private static readonly IReadOnlyDictionary<string, double> Metrics = RankingMetrics.Of([1, 3, 10, 11, 60]);

    [Theory]
    [InlineData("hr@10", 3.0 / 5)]
    [InlineData("hr@20", 4.0 / 5)]
    [InlineData("hr@50", 4.0 / 5)]
    [InlineData("hr@100", 1.0)]
    [InlineData("recall@10", 3.0 / 5)]
    [InlineData("ndcg@10", (1 + 0.5 + 0.28906482631788788) / 5)] // 1/log2(2), 1/log2(4), 1/log2(11)
    [InlineData("ndcg@20", (1 + 0.5 + 0.28906482631788788 + 0.27894294565112987) / 5)] // and 1/log2(12)
    [InlineData("mrr@10", (1 + 1.0 / 3 + 0.1) / 5)]
    [InlineData("mrr@100", (1 + 1.0 / 3 + 0.1 + 1.0 / 11 + 1.0 / 60) / 5)]
    public void Metrics_are_those_computed_by_hand(string name, double expected) => Assert.Equal(expected, Metrics[name], 12);

    [Fact]
    public void There_are_four_metrics_at_each_of_five_cutoffs() => Assert.Equal(20, Metrics.Count);

    [Fact]
    public void Beyond_the_depth_of_a_second_stage_there_are_no_metrics()
    {
        IReadOnlyDictionary<string, double> metrics = RankingMetrics.Of([1, 3], depth: 100);

        Assert.Contains("hr@100", metrics.Keys);
        Assert.DoesNotContain("hr@200", metrics.Keys);
    }

    [Fact]
    public void Without_users_all_metrics_are_zero() => Assert.All(RankingMetrics.Of([]).Values, value => Assert.Equal(0, value));
}

public sealed class TargetRankTests
{
    [Fact]
    public void NaN_never_improves_a_rank()
    {
        Assert.Equal(3, TargetRank.Of([float.NaN, 1f, 2f], 0, []));
        Assert.Equal(2, TargetRank.Of([float.NaN, 1f, 0f], 1, []));
    }

    [Fact]
    public void Items_not_ranked_by_the_second_stage_tie_behind_those_it_ranked()
    {
        float[] scores = [float.NegativeInfinity, .3f, float.NegativeInfinity, .2f];

        Assert.Equal(2, TargetRank.Of(scores, 3, []));
        Assert.Equal(4, TargetRank.Of(scores, 0, []));
    }

    [Fact]
    public void Vectorised_counting_agrees_with_sorting()
    {
        var random = new Random(7);
        float[] scores = [.. Enumerable.Range(0, 1003).Select(_ => (float)random.Next(200))];
        int[] excluded = [.. Enumerable.Range(0, 1003).Where(_ => random.Next(4) == 0)];

        for (int target = 0; target < scores.Length; target++)
        {
            int expected = 1 + Enumerable.Range(0, scores.Length).Count(row => row != target && !excluded.Contains(row) && scores[row] >= scores[target]);
            Assert.Equal(expected, TargetRank.Of(scores, target, excluded));
        }
    }
}

public sealed class BeyondAccuracyTests
{
    private static readonly int[] Counts = [8, 4, 2, 0];

    [Fact]
    public void Figures_of_lists_are_those_computed_by_hand()
    {
        Catalog catalog = CatalogOf(["Comedy"], ["Comedy", "Drama"], ["Drama"], []);

        // The lists of two users: items 0 and 1; items 0 and 2.
        ListQuality quality = BeyondAccuracy.Of([.. List(0, 1), .. List(0, 2)], catalog, Counts, users: 8);

        Assert.Equal(3 / 4.0, quality.Coverage); // item 3 is in no list
        Assert.Equal((0 + 1 + 0 + 2) / 4.0, quality.Novelty, 9); // -log2 of 8/8, 4/8, 8/8 and 2/8
        Assert.Equal((0.5 + 1) / 2, quality.Diversity!.Value, 9); // half of the categories of 0 and 1 are shared, none of 0 and 2
        Assert.Equal(2 / 4.0, quality.PopularShare); // item 0: the top 1% of four items is at least one item
    }

    [Fact]
    public void Diversity_is_unknown_where_no_item_has_categories() =>
        Assert.Null(BeyondAccuracy.Of(List(0, 1), CatalogOf([], [], [], []), Counts, users: 8).Diversity);

    [Fact]
    public void Users_are_divided_by_history_and_by_the_popularity_of_the_target()
    {
        var users = new RankedUsers([0, 1, 2], Targets: [0, 2, 2], HistoryLengths: [5, 6, 101], Ranks: [[1, 3, 11]], Repeats: 0);

        IReadOnlyList<MetricSlice> slices = BeyondAccuracy.Slices(users, users.Ranks[0], Counts);

        Assert.Equal(
            [
                new("history", "1-5", 1, 1, 1), new("history", "6-20", 1, 1, 0.5), new("history", "101 or more", 1, 0, 0),
                new("item popularity", "top 1%", 1, 1, 1), new("item popularity", "rest", 2, 0.5, 0.25),
            ], slices);
    }

    private static Candidate[] List(params int[] rows) => [.. rows.Concat(Enumerable.Repeat(-1, BeyondAccuracy.K - rows.Length)).Select(row => new Candidate(row, 0))];

    private static Catalog CatalogOf(params string[][] categories) =>
        new([.. categories.Select((own, row) => new CatalogItem(row, 100 + row, $"Item {row}", own, Counts[row]))]);
}
