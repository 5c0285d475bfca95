namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class TargetRankTests
{
    [Theory]
    [InlineData(3, 1)] // .9
    [InlineData(0, 2)] // .5
    [InlineData(1, 4)] // .1, tied with row 4, after .9 and .5
    [InlineData(4, 4)]
    [InlineData(2, 5)] // -1
    public void A_rank_counts_what_scores_higher_and_what_ties(int target, int expected) =>
        Assert.Equal(expected, TargetRank.Of([.5f, .1f, -1f, .9f, .1f], target, []));

    [Theory]
    [InlineData(new int[0], 4)]
    [InlineData(new[] { 3 }, 3)] // one that ranks ahead
    [InlineData(new[] { 3, 0, 4 }, 1)] // all that rank ahead, including the tie
    [InlineData(new[] { 2 }, 4)] // one that ranks behind
    [InlineData(new[] { 1 }, 4)] // the target itself, seen before
    public void Excluded_items_do_not_count(int[] excluded, int expected) =>
        Assert.Equal(expected, TargetRank.Of([.5f, .1f, -1f, .9f, .1f], 1, excluded));

    [Fact]
    public void A_model_that_scores_all_items_alike_ranks_the_target_last() =>
        Assert.Equal(100, TargetRank.Of(new float[100], 17, []));

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
