using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class KernelTests
{
    public static TheoryData<SimdLevel> Levels() => [.. SimdLevels.Supported];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Products_and_distances_of_every_length_are_exact_on_whole_numbers(SimdLevel level)
    {
        for (int length = 1; length <= 150; length++)
        {
            float[] a = [.. Enumerable.Range(0, length).Select(i => (float)(i % 7 - 3))];
            float[] b = [.. Enumerable.Range(0, length).Select(i => (float)(i % 5 - 2))];
            Assert.Equal(a.Zip(b, (x, y) => x * y).Sum(), FloatKernel.Dot(a, b, level));
            Assert.Equal(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum(), FloatKernel.SquaredDistance(a, b, level));
        }
    }

    [Fact]
    public void Vectors_of_different_lengths_are_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => FloatKernel.Dot([1, 2], [1]));
}
