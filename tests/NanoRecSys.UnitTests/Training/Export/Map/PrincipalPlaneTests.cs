using NanoRecSys.Training.Export.Map;

namespace NanoRecSys.UnitTests.Training.Export.Map;

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
