using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Training.Evaluation;

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
