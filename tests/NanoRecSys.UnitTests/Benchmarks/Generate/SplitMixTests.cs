using NanoRecSys.Benchmarks.Generate;

namespace NanoRecSys.UnitTests.Benchmarks.Generate;

public sealed class SplitMixTests
{
    [Fact]
    public void The_numbers_are_those_of_the_published_generator()
    {
        SplitMix random = new(seed: 1234567); // The seed and values commonly used to check implementations.

        Assert.Equal(6457827717110365317UL, random.Next());
        Assert.Equal(3203168211198807973UL, random.Next());
        Assert.Equal(9817491932198370423UL, random.Next());
    }

    [Fact]
    public void Numbers_below_a_limit_cover_the_whole_range()
    {
        SplitMix random = new(seed: 3);

        int[] drawn = [.. Enumerable.Range(0, 1_000).Select(_ => random.Next(5))];

        Assert.Equal([0, 1, 2, 3, 4], drawn.Distinct().Order());
    }
}
