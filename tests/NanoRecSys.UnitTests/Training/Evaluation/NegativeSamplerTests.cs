using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.UnitTests.Training.Evaluation;

public sealed class NegativeSamplerTests
{
    [Theory]
    [InlineData(NegativeKind.Uniform)]
    [InlineData(NegativeKind.Popular)]
    [InlineData(NegativeKind.Mixed)]
    public void Negatives_are_distinct_and_neither_the_target_nor_excluded(NegativeKind kind)
    {
        int[] excluded = [.. Enumerable.Range(0, 50)]; // the most popular ones

        int[] drawn = Draw(kind, 20, counts: [.. Enumerable.Range(0, 100).Select(item => item < 50 ? 10_000 : 1)], excluded, target: 60);

        Assert.Equal(20, drawn.Distinct().Count());
        Assert.DoesNotContain(60, drawn);
        Assert.All(drawn, item => Assert.InRange(item, 50, 99));
    }

    [Fact]
    public void Another_user_or_seed_gets_others_and_the_same_one_the_same()
    {
        int[] counts = new int[1000];

        Assert.Equal(Draw(NegativeKind.Uniform, 10, counts), Draw(NegativeKind.Uniform, 10, counts));
        Assert.NotEqual(Draw(NegativeKind.Uniform, 10, counts), Draw(NegativeKind.Uniform, 10, counts, user: 2));
        Assert.NotEqual(Draw(NegativeKind.Uniform, 10, counts), Draw(NegativeKind.Uniform, 10, counts, seed: 2));
    }

    [Theory]
    [InlineData(NegativeKind.Uniform, 0.25, 0.35)] // 30 of 100 items are popular
    [InlineData(NegativeKind.Popular, 0.85, 1)]
    [InlineData(NegativeKind.Mixed, 0.55, 0.7)]
    public void Popular_negatives_are_popular(NegativeKind kind, double low, double high)
    {
        int[] counts = [.. Enumerable.Range(0, 100).Select(item => item < 30 ? 99 : 0)];

        double share = Enumerable.Range(0, 500).SelectMany(user => Draw(kind, 4, counts, user: user, target: 99)).Average(item => item < 30 ? 1.0 : 0);

        Assert.InRange(share, low, high);
    }

    [Fact]
    public void A_small_catalogue_gives_all_that_it_has() =>
        Assert.Equal([1, 3, 4], Draw(NegativeKind.Popular, 100, [5, 0, 9, 1, 0], excluded: [0, 0], target: 2).Order());

    private static int[] Draw(
        NegativeKind kind, int count, int[] counts, int[]? excluded = null, int target = 0, int user = 1, long seed = 1)
    {
        int[] negatives = new int[count];
        var taken = new RowSet(counts.Length);
        int drawn = new NegativeSampler(kind, count, counts, seed).Draw(user, target, excluded ?? [], taken, negatives);
        Assert.Equal(0, taken.Count);
        return negatives[..drawn];
    }
}
