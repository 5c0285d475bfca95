using NanoRecSys.Benchmarks.Generate;

namespace NanoRecSys.UnitTests.Benchmarks.Generate;

public sealed class AliasTableTests
{
    [Fact]
    public void Numbers_are_drawn_in_proportion_to_their_weights()
    {
        AliasTable table = new([1, 0, 6, 3]);
        SplitMix random = new(seed: 1);
        var counts = new int[4];
        for (int i = 0; i < 100_000; i++)
        {
            counts[table.Draw(ref random)]++;
        }

        Assert.InRange(counts[0], 9_600, 10_400); // Four standard deviations: 10,000 +- 380.
        Assert.Equal(0, counts[1]);
        Assert.InRange(counts[2], 59_300, 60_700);
        Assert.InRange(counts[3], 29_400, 30_600);
    }
}
