namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class RecentPopularityTests
{
    private const long Day = 86_400;

    [Fact]
    public void Popularity_as_lists_orders_as_popularity_does()
    {
        double[] weights = [2, 5, 0, 3];
        float[] scores = new float[4];

        new ItemListScorer("popularity", Popularity.Lists(weights)).Score([new TimedHistory(new[] { 3, 2, 0 }, default, 0)], scores);

        Assert.Equal([2f, 5, 0, 3], scores);
    }

    [Fact]
    public void Only_the_days_before_the_target_count_and_ties_are_broken_by_all_days()
    {
        // Users had item 0 on days 1 and 2, item 1 on day 9, item 2 on day 10; the items held out on day 20 do not count.
        LeaveOneOut split = new(new UserHistories(
            [1, 2], [0, 4, 8], [0, 1, 2, 2, 0, 2, 2, 2], [1 * Day, 9 * Day, 20 * Day, 20 * Day, 2 * Day, 10 * Day, 20 * Day, 20 * Day]));
        var scorer = new RecentPopularity(split, PreparedData.CountTrain(split, 4), days: 3);
        float[] scores = new float[8];

        scorer.Score([new TimedHistory(new[] { 3 }, default, 10 * Day), new TimedHistory(new[] { 3 }, default, 12 * Day)], scores);

        Assert.Equal([2 / 5f, 1 + (1 / 5f), 1 / 5f, 0], scores[..4]); // the target's own day 10 does not count
        Assert.Equal([2 / 5f, 1 + (1 / 5f), 1 + (1 / 5f), 0], scores[4..]);
    }
}
