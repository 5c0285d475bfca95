namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class ItemKnnTests
{
    // Training parts (the last two items of each user are held out): {0, 1}, {0, 1, 2}, {0}.
    private static readonly LeaveOneOut Split = new(new UserHistories(
        [1, 2, 3], [0, 4, 9, 12], [0, 1, 3, 3, 0, 1, 2, 3, 3, 0, 3, 3]));

    private static readonly ItemKnnOptions Plain = new() { Nearness = 1, Before = 1, Neighbours = 10, Shrinkage = 0, Decay = 1 };

    [Fact]
    public void Items_score_their_cosine_to_the_history()
    {
        float[] scores = Score(Plain, [0]);

        // Item 0 has 3 users, item 1 two (both shared), item 2 one (shared).
        float[] expected = [0f, 2 / MathF.Sqrt(6), 1 / MathF.Sqrt(3), 0f];
        Assert.All(scores, (score, item) => Assert.Equal(expected[item], score, 6));
    }

    [Fact]
    public void Neighbours_are_weighted_by_distance_and_direction_in_the_history()
    {
        var options = new ItemKnnOptions { Nearness = 0.5, Before = 0.1, Shrinkage = 0 };

        float[] first = Score(options, [0]);
        Assert.Equal(2 * 0.5f / MathF.Sqrt(6), first[1], 6); // adjacent in two histories
        Assert.Equal(0.25f / MathF.Sqrt(3), first[2], 6); // one step farther
        Assert.Equal(0.1f * 2 * 0.5f / MathF.Sqrt(6), Score(options, [1])[0], 6); // the same pair in the other direction
    }

    [Fact]
    public void Held_out_items_are_not_trained_on() => Assert.All(Score(new ItemKnnOptions { Shrinkage = 0 }, [3]), score => Assert.Equal(0, score));

    [Fact]
    public void Similarities_are_summed_over_the_history_and_older_items_count_less()
    {
        float[] scores = Score(Plain with { Decay = 0.5 }, [0, 1]);

        float expected = 1 / MathF.Sqrt(2) + 0.5f / MathF.Sqrt(3); // item 2 to the newer item 1, plus to the older item 0
        Assert.Equal(expected, scores[2], 6);
    }

    [Fact]
    public void Shrinkage_lowers_similarities_with_few_common_users()
    {
        float[] scores = Score(Plain with { Shrinkage = 2 }, [0]);

        Assert.Equal(2 / (MathF.Sqrt(6) + 2), scores[1], 6);
    }

    [Fact]
    public void Only_the_nearest_neighbours_are_kept()
    {
        float[] scores = Score(new ItemKnnOptions { Neighbours = 1, Shrinkage = 0, Decay = 1 }, [0]);

        Assert.True(scores[1] > 0);
        Assert.Equal(0, scores[2]);
    }

    private static float[] Score(ItemKnnOptions options, int[] history)
    {
        float[] scores = new float[4];
        new ItemListScorer(ItemKnn.ModelName, ItemKnn.Build(Split, 4, options, threads: 2, TestContext.Current.CancellationToken)).Score([history], scores);
        return scores;
    }
}

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

public sealed class LogPopularityScorerTests
{
    [Fact]
    public void Cosines_become_logits_before_the_log_share_is_added()
    {
        float[] scores = new float[4];

        new LogPopularityScorer(new Cosines(), [-1f, -2f]).Score([new int[] { 0 }, new int[] { 1 }], scores);

        Assert.Equal([.5f * 20 - 1, .25f * 20 - 2, float.NegativeInfinity, 1f * 20 - 2], scores);
    }

    private sealed class Cosines : IScorer
    {
        public string Name => "cosines";

        public double LogitScale => 20; // a temperature of .05

        public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores) =>
            new[] { .5f, .25f, float.NegativeInfinity, 1f }.CopyTo(scores);
    }
}
