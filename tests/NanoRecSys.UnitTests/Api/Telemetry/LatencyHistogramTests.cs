using NanoRecSys.Api.Telemetry;

namespace NanoRecSys.UnitTests.Api.Telemetry;

public sealed class LatencyHistogramTests
{
    [Theory]
    [InlineData(0.50, 50)]
    [InlineData(0.95, 95)]
    [InlineData(0.99, 99)]
    [InlineData(1.00, 100)]
    public void Percentiles_of_1_to_100_ms_are_within_two_percent(double share, double expected)
    {
        var histogram = new LatencyHistogram();
        for (int milliseconds = 1; milliseconds <= 100; milliseconds++)
        {
            histogram.Add(milliseconds);
        }

        Assert.Equal(100, histogram.Count);
        Assert.InRange(histogram.Percentile(share), expected * 0.98, expected * 1.02);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1e12)]
    [InlineData(double.PositiveInfinity)]
    public void Durations_outside_the_bins_are_counted_in_the_outermost_ones(double milliseconds)
    {
        var histogram = new LatencyHistogram();

        histogram.Add(milliseconds);

        Assert.Equal(1, histogram.Count);
    }

    [Fact]
    public void An_empty_histogram_has_no_percentiles() => Assert.Equal(0, new LatencyHistogram().Percentile(0.5));
}
