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

public sealed class PrincipalPlaneTests
{
    [Fact]
    public void The_first_axis_is_the_one_along_which_vectors_differ_most()
    {
        // They differ by 10 along (0, 1, 0), by 2 along (1, 0, 0), and not along the third axis.
        float[] vectors = [1, -5, 7, -1, -5, 7, 1, 5, 7, -1, 5, 7];

        float[] places = PrincipalPlane.Project(vectors, 3, new Random(1));

        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(5, MathF.Abs(places[2 * i]), 3));
        Assert.All(Enumerable.Range(0, 4), i => Assert.Equal(1, MathF.Abs(places[2 * i + 1]), 3));
    }

    [Fact]
    public void Identical_vectors_have_one_position() =>
        Assert.Equal([0, 0, 0, 0], PrincipalPlane.Project([3, 4, 3, 4], 2, new Random(1)));
}
