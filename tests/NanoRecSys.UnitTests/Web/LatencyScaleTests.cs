using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class LatencyScaleTests
{
    [Theory]
    [InlineData(0.2, 20, 0.31, 14.0)]
    [InlineData(2, 5, 3.0)] // a single duration is between two lines
    public void It_ranges_from_the_round_number_below_to_the_one_above(double low, double high, params double[] durations)
    {
        LatencyScale scale = LatencyScale.Of(durations);

        Assert.Equal(low, scale.LowMs, 6);
        Assert.Equal(high, scale.HighMs, 6);
    }

    [Fact]
    public void The_scale_is_logarithmic()
    {
        var scale = new LatencyScale(0.1, 100);

        Assert.Equal(100, scale.Top(0.1), 6);
        Assert.Equal(200.0 / 3, scale.Top(1), 6);
        Assert.Equal(100.0 / 3, scale.Top(10), 6);
        Assert.Equal(0, scale.Top(100), 6);
    }

    [Fact]
    public void Ticks_are_round_and_few()
    {
        Assert.Equal([1, 2, 5, 10], new LatencyScale(1, 10).Ticks().Select(ms => Math.Round(ms, 6)));
        Assert.Equal([0.1, 1, 10, 100], new LatencyScale(0.1, 200).Ticks().Select(ms => Math.Round(ms, 6)));
    }

    [Fact]
    public void Without_requests_there_is_an_axis() => Assert.NotEmpty(LatencyScale.Of([]).Ticks());
}
