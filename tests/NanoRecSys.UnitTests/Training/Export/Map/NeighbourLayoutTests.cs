using NanoRecSys.Training.Export.Map;

namespace NanoRecSys.UnitTests.Training.Export.Map;

public sealed class NeighbourLayoutTests
{
    private static readonly CancellationToken Test = TestContext.Current.CancellationToken;

    // Two groups of ten; each item has three neighbours in its group. All items start mixed on a circle.
    private static readonly int[][] TwoGroups = [.. Enumerable.Range(0, 20).Select(i => Enumerable.Range(1, 3).Select(step => i / 10 * 10 + (i + step) % 10).ToArray())];
    private static readonly float[] Circle = [.. Enumerable.Range(0, 20).SelectMany(i => new[] { MathF.Cos(i * 7), MathF.Sin(i * 7) })];

    [Fact]
    public void Neighbours_are_placed_nearer_to_each_other_than_to_others()
    {
        float[] places = NeighbourLayout.Arrange(Circle, TwoGroups, new Random(5), _ => { }, Test);

        double within = Mean(places, (a, b) => a / 10 == b / 10), across = Mean(places, (a, b) => a / 10 != b / 10);
        Assert.True(within < across / 2, $"within {within:F3}, across {across:F3}");
    }

    [Fact]
    public void The_longer_side_fills_the_map_and_all_points_are_inside()
    {
        float[] places = NeighbourLayout.Arrange(Circle, TwoGroups, new Random(6), _ => { }, Test);

        Assert.All(places, value => Assert.InRange(value, -1f, 1f));
        Assert.Equal(1f, places.Max(MathF.Abs), 3);
    }

    [Fact]
    public void A_seed_gives_the_same_map() => Assert.Equal(
        NeighbourLayout.Arrange(Circle, TwoGroups, new Random(7), _ => { }, Test), NeighbourLayout.Arrange(Circle, TwoGroups, new Random(7), _ => { }, Test));

    private static double Mean(float[] places, Func<int, int, bool> counts) =>
        (from a in Enumerable.Range(0, 20)
         from b in Enumerable.Range(0, 20)
         where a != b && counts(a, b)
         select Math.Sqrt(Math.Pow(places[2 * a] - places[2 * b], 2) + Math.Pow(places[2 * a + 1] - places[2 * b + 1], 2))).Average();
}
