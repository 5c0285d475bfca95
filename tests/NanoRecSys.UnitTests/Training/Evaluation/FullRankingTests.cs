namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class FullRankingTests
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
        var ranking = new FullRanking(Split, 6) { Exclude = exclude, Window = 2 };

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

        EvaluationResult result = new FullRanking(split, 6) { Exclude = exclude, Window = 2 }.Evaluate(Descending, HeldOut.Test);

        Assert.Equal((users, repeats), (result.Users, result.Repeats));
        Assert.Equal(repeats is not null, MetricsTable.Caption(result).Contains("(1 more, whose target is a repeat, are left out)", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(new[] { 0, 1 }, "No user can be evaluated on test: nobody has a held-out item. Prepare more data.")]
    [InlineData(new[] { 0, 1, 0 }, "No user can be evaluated on test: the held-out items of all 1 repeat earlier items. Prepare more data.")]
    public void Without_users_there_are_no_metrics(int[] items, string expected)
    {
        var split = new LeaveOneOut(new UserHistories([1], [0, items.Length], items));

        Assert.Equal(expected, Assert.Throws<UserErrorException>(() => new FullRanking(split, 6).Evaluate(Descending, HeldOut.Test)).Message);
    }

    [Fact]
    public void The_scorer_sees_the_history_up_to_the_target_and_not_the_target()
    {
        var spy = new Spy();
        var ranking = new FullRanking(Split, 6);

        ranking.Evaluate(spy, HeldOut.Validation);
        ranking.Evaluate(spy, HeldOut.Test);

        Assert.Equal([[0, 1, 2], [0, 1, 2, 4]], spy.Seen);
    }

    [Fact]
    public void Results_name_what_was_measured()
    {
        EvaluationResult result = new FullRanking(Split, 6) { Exclude = Exclusion.Window }.Evaluate(Descending, HeldOut.Test);

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

        int[] ranks = new FullRanking(split, 1000).Ranks(scorer, HeldOut.Test);

        Assert.Equal(Enumerable.Range(1, Users), ranks);
    }

    [Fact]
    public void Models_that_are_ranked_together_get_the_same_batches_and_their_own_ranks()
    {
        var spy = new Spy();

        RankedUsers users = new FullRanking(Split, 6).Rank([Descending, spy], HeldOut.Test);

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
