using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.UnitTests.Core.Kernels;

public sealed class VectorKernelTests
{
    public static TheoryData<SimdLevel> Levels() => [.. VectorKernels.Supported];

    [Theory]
    [MemberData(nameof(Levels))]
    public void Products_and_distances_of_every_length_are_exact_on_whole_numbers(SimdLevel level)
    {
        for (int length = 1; length <= 150; length++)
        {
            float[] a = [.. Enumerable.Range(0, length).Select(i => (float)(i % 7 - 3))];
            float[] b = [.. Enumerable.Range(0, length).Select(i => (float)(i % 5 - 2))];
            Assert.Equal(a.Zip(b, (x, y) => x * y).Sum(), VectorKernels.For(level).Dot(a, b));
            Assert.Equal(a.Zip(b, (x, y) => (x - y) * (x - y)).Sum(), VectorKernels.For(level).SquaredDistance(a, b));
        }
    }

    [Theory]
    [MemberData(nameof(Levels))]
    public void Products_of_one_to_four_blocks_of_bytes_are_exact(SimdLevel level)
    {
        for (int blocks = 1; blocks <= VectorKernels.BlocksAtOnce; blocks++)
        {
            byte[] bytes = [.. Enumerable.Range(0, blocks * 3 * 2 * VectorKernels.BlockRows).Select(i => (byte)(i * 37))];
            short[] query = [300, -7, 32_000, -32_000, 1, -1];
            int[] products = new int[blocks * VectorKernels.BlockRows];

            VectorKernels.For(level).Multiply(bytes, [.. Enumerable.Range(0, 3).Select(pair => (query[2 * pair] & 0xFFFF) | (query[(2 * pair) + 1] << 16))], products);

            Assert.All(products.Select((product, row) => (product, row)), each => Assert.Equal(
                Enumerable.Range(0, 6).Sum(d => query[d] * bytes[(((each.row / VectorKernels.BlockRows * 3) + (d / 2)) * VectorKernels.BlockRows + each.row % VectorKernels.BlockRows) * 2 + (d % 2)]),
                each.product));
        }
    }

    [Fact]
    public void Vectors_of_different_lengths_are_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => VectorKernels.Best.Dot([1, 2], [1]));
}

public sealed class FastExpTests
{
    [Fact]
    public void It_is_within_three_parts_in_ten_million_where_single_precision_reaches()
    {
        for (float x = -87; x <= 88; x += 0.00731f)
        {
            double exact = Math.Exp(x);
            Assert.InRange(FastExp.Exp(Vector512.Create(x))[5] / exact, 1 - 3e-7, 1 + 3e-7);
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2.7182817f)]
    public void Simple_cases_are_exact(float x, float expected) => Assert.Equal(expected, FastExp.Exp(Vector512.Create(x))[0]);

    [Theory]
    [InlineData(-1e30f, 0, 2e-38f)]
    [InlineData(1e30f, 1e38f, float.PositiveInfinity)]
    public void Outside_the_range_it_stays_finite(float x, float least, float most) => Assert.InRange(FastExp.Exp(Vector512.Create(x))[0], least, most);

    [Fact]
    public void The_logistic_function_is_within_three_parts_in_ten_million()
    {
        for (float x = -80; x <= 80; x += 0.013f)
        {
            Assert.InRange(FastExp.Sigmoid(Vector512.Create(x))[0] * (1 + Math.Exp(-x)), 1 - 3e-7, 1 + 3e-7);
        }
    }
}
