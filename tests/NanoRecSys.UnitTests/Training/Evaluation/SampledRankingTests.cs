namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class SampledRankingTests
{
    // One user with items 0, 1, 2 of 203, whose scores fall from the first row to the last.
    private static readonly LeaveOneOut Split = new(new UserHistories([1], [0, 3], [0, 1, 2]));
    private static readonly Popularity Descending = new([.. Enumerable.Range(0, 203).Select(item => 203 - item)]);

    [Fact]
    public void A_target_that_only_seen_items_beat_has_rank_one_and_metrics_end_at_the_number_of_candidates()
    {
        EvaluationResult result = new SampledRanking(Split, new NegativeSampler(100, 203, 1), 203).Evaluate(Descending, HeldOut.Test);

        Assert.Equal(("sampled-uniform-100", false, 1.0), (result.Protocol, result.IsComparable, result.Metrics["hr@10"]));
        Assert.Contains("hr@100", result.Metrics.Keys);
        Assert.DoesNotContain("hr@200", result.Metrics.Keys);
    }

    [Fact]
    public void The_order_of_users_and_the_other_models_change_nothing()
    {
        int[] items = [.. Enumerable.Range(0, 50).SelectMany(user => Enumerable.Range(user, 3 + user % 5))];
        long[] offsets = new long[51];
        for (int user = 0; user < 50; user++)
        {
            offsets[user + 1] = offsets[user] + 3 + user % 5;
        }

        var split = new LeaveOneOut(new UserHistories([.. Enumerable.Range(0, 50)], offsets, items));
        SampledRanking Ranking() => new(split, new NegativeSampler(20, 203, 7), 203);

        int[] alone = Ranking().Ranks(Descending, HeldOut.Test);
        RankedUsers together = Ranking().Rank([new Popularity(new double[203]), Descending], HeldOut.Test);

        Assert.Equal(alone, together.Ranks[1]);
        Assert.All(together.Ranks[0], rank => Assert.Equal(21, rank)); // equal scores: last of 21
    }
}
