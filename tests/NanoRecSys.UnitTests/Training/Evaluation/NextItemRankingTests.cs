using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class NextItemRankingTests
{
    // Items 0..5 score 6..1. One user has 0, 1, 2, then 4 (validation), then 5 (test); the other is only trained on.
    private static readonly LeaveOneOut Split = new(new UserHistories([1, 2], [0, 5, 7], [0, 1, 2, 4, 5, 3, 3]));
    private static readonly Popularity Descending = new([6, 5, 4, 3, 2, 1]);

    [Theory]
    [InlineData(HeldOut.Validation, Exclusion.History, 2)] // among 3, 4, 5: after 3
    [InlineData(HeldOut.Test, Exclusion.History, 2)] // among 3, 5: after 3; the validation item is now history
    [InlineData(HeldOut.Validation, Exclusion.None, 5)]
    [InlineData(HeldOut.Test, Exclusion.None, 6)]
    [InlineData(HeldOut.Validation, Exclusion.Window, 3)] // the last two, 1 and 2, are excluded; 0 and 3 rank ahead
    [InlineData(HeldOut.Test, Exclusion.Window, 4)] // 2 and 4 are excluded; 0, 1 and 3 rank ahead
    public void The_target_is_ranked_among_items_that_are_not_excluded(HeldOut part, Exclusion exclude, int expected)
    {
        var ranking = new NextItemRanking(Split, 6) { Exclude = exclude, Window = 2 };

        Assert.Equal([expected], ranking.Ranks(Descending, part));
    }

    [Theory]
    [InlineData(Exclusion.History, 1, 1)]
    [InlineData(Exclusion.Window, 2, null)] // seen before the last two, so it may be recommended again
    [InlineData(Exclusion.None, 2, null)]
    public void Users_whose_target_is_excluded_are_left_out_and_counted(Exclusion exclude, int users, int? repeats)
    {
        // The second user's target, 3, was also the first item.
        var split = new LeaveOneOut(new UserHistories([1, 2], [0, 4, 8], [0, 1, 2, 4, 3, 0, 1, 3]));

        EvaluationResult result = new NextItemRanking(split, 6) { Exclude = exclude, Window = 2 }.Evaluate(Descending, HeldOut.Test);

        Assert.Equal((users, repeats), (result.Users, result.Repeats));
        Assert.Equal(repeats is not null, MetricsTable.Caption(result).Contains("(1 more, whose target is a repeat, are left out)", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(new[] { 0, 1 }, "No user can be evaluated on test: nobody has a held-out item. Prepare more data.")]
    [InlineData(new[] { 0, 1, 0 }, "No user can be evaluated on test: the held-out items of all 1 repeat earlier items. Prepare more data.")]
    public void Without_users_there_are_no_metrics(int[] items, string expected)
    {
        var split = new LeaveOneOut(new UserHistories([1], [0, items.Length], items));

        Assert.Equal(expected, Assert.Throws<UserErrorException>(() => new NextItemRanking(split, 6).Evaluate(Descending, HeldOut.Test)).Message);
    }

    [Fact]
    public void The_scorer_sees_the_history_up_to_the_target_and_not_the_target()
    {
        var spy = new Spy();
        var ranking = new NextItemRanking(Split, 6);

        ranking.Evaluate(spy, HeldOut.Validation);
        ranking.Evaluate(spy, HeldOut.Test);

        Assert.Equal([[0, 1, 2], [0, 1, 2, 4]], spy.Seen);
    }

    [Fact]
    public void Results_name_what_was_measured()
    {
        EvaluationResult result = new NextItemRanking(Split, 6) { Exclude = Exclusion.Window }.Evaluate(Descending, HeldOut.Test);

        Assert.Equal(("popularity", "test", 1, 6, "window"), (result.Model, result.Split, result.Users, result.Items, result.Exclude));
        Assert.Equal(200, result.Window); // as in the published tables
        Assert.EndsWith("excluded: window of 200", MetricsTable.Caption(result), StringComparison.Ordinal);
    }

    [Fact]
    public void Many_users_in_many_batches_each_get_their_own_rank()
    {
        // User u has items u, u+1, u+2 of 1,000; all lower rows but u and u+1 rank ahead of the test target u+2.
        const int Users = 998;
        int[] items = [.. Enumerable.Range(0, Users).SelectMany(u => new[] { u, u + 1, u + 2 })];
        var split = new LeaveOneOut(new UserHistories([.. Enumerable.Range(0, Users)], [.. Enumerable.Range(0, Users + 1).Select(u => 3L * u)], items));
        var scorer = new Popularity([.. Enumerable.Range(0, 1000).Select(i => 1000.0 - i)]);

        int[] ranks = new NextItemRanking(split, 1000).Ranks(scorer, HeldOut.Test);

        Assert.Equal(Enumerable.Range(1, Users), ranks);
    }

    [Fact]
    public void Models_that_are_ranked_together_get_the_same_batches_and_their_own_ranks()
    {
        var spy = new Spy();

        RankedUsers users = new NextItemRanking(Split, 6).Rank([Descending, spy], HeldOut.Test);

        Assert.Equal([[2], [2]], users.Ranks); // among 3 and 5; the spy scores all items alike
        Assert.Equal([[0], [5], [4]], [users.Users, users.Targets, users.HistoryLengths]);
        Assert.IsType<HistoryBatch>(spy.Last);
    }

    private sealed class Spy : IScorer
    {
        public List<int[]> Seen { get; } = [];

        public object? Last { get; private set; }

        public string Name => "spy";

        public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
        {
            Seen.AddRange(histories.Select(history => history.Items.ToArray()));
            Last = histories;
            scores.Clear();
        }
    }
}

public sealed class SampledRankingTests
{
    // One user with items 0, 1, 2 of 203, whose scores fall from the first row to the last.
    private static readonly LeaveOneOut Split = new(new UserHistories([1], [0, 3], [0, 1, 2]));
    private static readonly Popularity Descending = new([.. Enumerable.Range(0, 203).Select(item => 203 - item)]);

    [Fact]
    public void A_target_that_only_seen_items_beat_has_rank_one_and_metrics_end_at_the_number_of_candidates()
    {
        EvaluationResult result = new NextItemRanking(Split, 203) { Sampler = new NegativeSampler(100, 203, 1) }.Evaluate(Descending, HeldOut.Test);

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
        NextItemRanking Ranking() => new(split, 203) { Sampler = new NegativeSampler(20, 203, 7) };

        int[] alone = Ranking().Ranks(Descending, HeldOut.Test);
        RankedUsers together = Ranking().Rank([new Popularity(new double[203]), Descending], HeldOut.Test);

        Assert.Equal(alone, together.Ranks[1]);
        Assert.All(together.Ranks[0], rank => Assert.Equal(21, rank)); // equal scores: last of 21
    }
}

public sealed class HistoryBatchTests
{
    // User 0: 0 1 0 2 3 | test 4. User 1: 5 5 | test 6.
    private static readonly LeaveOneOut Split = new(new UserHistories([7, 9], [0, 6, 9], [0, 1, 0, 2, 3, 4, 5, 5, 6]));

    [Fact]
    public void Repeated_items_are_excluded_once()
    {
        HistoryBatch batch = Fill();

        Assert.Equal([0, 1, 2, 3], batch.ExcludedOf(0).ToArray());
        Assert.Equal([5], batch.ExcludedOf(1).ToArray());
        Assert.Equal([[0, 1, 0, 2, 3], [5, 5]], batch.Select(history => history.Items.ToArray()));
        Assert.Equal([4, 6], new[] { batch.CaseOf(0).Target, batch.CaseOf(1).Target });
    }

    [Theory]
    [InlineData(true, 30)]
    [InlineData(false, 20)]
    public void Models_predict_at_the_time_of_the_target_or_of_the_newest_interaction_before_it(bool knowsTargetTime, long now)
    {
        var split = new LeaveOneOut(new UserHistories([7], [0, 3], [0, 1, 2], [10, 20, 30]));
        var batch = new HistoryBatch(3, int.MaxValue, knowsTargetTime);

        batch.Fill(split, HeldOut.Test, [0]);

        Assert.Equal(now, batch[0].Now);
        Assert.Equal([10, 20], batch[0].Times.ToArray());
    }

    [Fact]
    public void Without_times_a_batch_needs_no_time_of_the_target()
    {
        var batch = new HistoryBatch(7, int.MaxValue, knowsTargetTime: false);

        batch.Fill(Split, HeldOut.Test, [0, 1]);

        Assert.Equal([[0, 1, 0, 2, 3], [5, 5]], batch.Select(history => history.Items.ToArray()));
    }

    [Fact]
    public void A_reused_batch_keeps_nothing_of_its_first_use()
    {
        HistoryBatch batch = Fill();
        int version = batch.Version;

        batch.Fill(Split, HeldOut.Validation, [1]);

        Assert.Equal([[5]], batch.Select(history => history.Items.ToArray()));
        Assert.Equal((5, 1), (batch.CaseOf(0).Target, batch.CaseOf(0).User));
        Assert.Equal([5], batch.ExcludedOf(0).ToArray());
        Assert.NotEqual(version, batch.Version);
    }

    private static HistoryBatch Fill()
    {
        var batch = new HistoryBatch(7, int.MaxValue);
        batch.Fill(Split, HeldOut.Test, [0, 1]);
        return batch;
    }
}

public sealed class NegativeSamplerTests
{
    [Fact]
    public void Negatives_are_distinct_and_neither_the_target_nor_excluded()
    {
        int[] excluded = [.. Enumerable.Range(0, 50)];

        int[] drawn = Draw(20, items: 100, excluded, target: 60);

        Assert.Equal(20, drawn.Distinct().Count());
        Assert.DoesNotContain(60, drawn);
        Assert.All(drawn, item => Assert.InRange(item, 50, 99));
    }

    [Fact]
    public void Negatives_depend_on_user_and_seed_only()
    {
        Assert.Equal(Draw(10, items: 1000), Draw(10, items: 1000));
        Assert.NotEqual(Draw(10, items: 1000), Draw(10, items: 1000, user: 2));
        Assert.NotEqual(Draw(10, items: 1000), Draw(10, items: 1000, seed: 2));
    }

    [Fact]
    public void Items_are_drawn_uniformly()
    {
        double share = Enumerable.Range(0, 500).SelectMany(user => Draw(4, items: 100, user: user, target: 99)).Average(item => item < 30 ? 1.0 : 0);

        Assert.InRange(share, 0.25, 0.35);
    }

    [Fact]
    public void A_small_catalog_gives_all_its_items() =>
        Assert.Equal([1, 3, 4], Draw(100, items: 5, excluded: [0, 0], target: 2).Order());

    private static int[] Draw(int count, int items, int[]? excluded = null, int target = 0, int user = 1, long seed = 1)
    {
        int[] negatives = new int[count];
        var taken = new RowSet(items);
        int drawn = new NegativeSampler(count, items, seed).Draw(user, target, excluded ?? [], taken, negatives);
        Assert.Equal(0, taken.Count);
        return negatives[..drawn];
    }
}
