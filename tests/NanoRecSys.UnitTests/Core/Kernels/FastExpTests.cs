using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.UnitTests.Core.Kernels;

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
