namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class HistoryBatchTests
{
    // User 0: 0 1 0 2 3 | test 4. User 1: 5 5 | test 6.
    private static readonly LeaveOneOut Split = new(new UserHistories([7, 9], [0, 6, 9], [0, 1, 0, 2, 3, 4, 5, 5, 6]));

    [Fact]
    public void Repeated_items_are_excluded_once()
    {
        HistoryBatch batch = Fill(Exclusion.History, 2, [0, 1]);

        Assert.Equal([0, 1, 2, 3], batch.ExcludedOf(0).ToArray());
        Assert.Equal([5], batch.ExcludedOf(1).ToArray());
        Assert.Equal([[0, 1, 0, 2, 3], [5, 5]], batch.Select(history => history.Items.ToArray()));
        Assert.Equal([4, 6], new[] { batch.CaseOf(0).Target, batch.CaseOf(1).Target });
    }

    [Fact]
    public void A_window_excludes_only_the_last_items() =>
        Assert.Equal([2, 3], Fill(Exclusion.Window, 2, [0]).ExcludedOf(0).ToArray());

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
        HistoryBatch batch = Fill(Exclusion.History, 2, [0, 1]);
        int version = batch.Version;

        batch.Fill(Split, HeldOut.Validation, [1]);

        Assert.Equal([[5]], batch.Select(history => history.Items.ToArray()));
        Assert.Equal((5, 1), (batch.CaseOf(0).Target, batch.CaseOf(0).User));
        Assert.Equal([5], batch.ExcludedOf(0).ToArray());
        Assert.NotEqual(version, batch.Version);
    }

    private static HistoryBatch Fill(Exclusion exclude, int window, int[] users)
    {
        var batch = new HistoryBatch(7, exclude switch { Exclusion.History => int.MaxValue, Exclusion.Window => window, _ => 0 });
        batch.Fill(Split, HeldOut.Test, users);
        return batch;
    }
}
