using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Import;

public sealed class RotaryFrequenciesTests
{
    [Theory]
    [InlineData(500, 16)]
    [InlineData(10000, 64)]
    [InlineData(500, 4)]
    [InlineData(123.5, 32)]
    public void The_base_is_found_exactly(double ropeBase, int headWidth) =>
        Assert.Equal(ropeBase, RotaryFrequencies.BaseOf(RotaryFrequencies.Of(ropeBase, headWidth)));

    [Fact]
    public void Frequencies_of_base_16_and_width_4_are_1_and_a_quarter() => Assert.Equal([1, 0.25f], RotaryFrequencies.Of(16, 4));

    [Theory]
    [InlineData(500)]
    [InlineData(10000)]
    public void The_base_is_found_in_half_precision_too(double ropeBase)
    {
        float[] halves = [.. RotaryFrequencies.Of(ropeBase, 32).Select(frequency => (float)(Half)frequency)];
        Assert.Equal(ropeBase, RotaryFrequencies.BaseOf(halves));
    }

    [Fact]
    public void A_single_frequency_is_always_1_and_determines_no_base() => Assert.Null(RotaryFrequencies.BaseOf([1]));

    [Theory]
    [InlineData(1f, 0.5f, 0.1f)]
    [InlineData(1f, 2f, 4f)]
    [InlineData(1f, 0f, 0f)]
    [InlineData(1f, float.NaN, 0.1f)]
    [InlineData(0.9f, 0.3f, 0.1f)]
    public void Other_frequencies_are_refused(params float[] frequencies) =>
        Assert.Throws<InvalidDataException>(() => RotaryFrequencies.BaseOf(frequencies));
}
