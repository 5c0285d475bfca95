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
