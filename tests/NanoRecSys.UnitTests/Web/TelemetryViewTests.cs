using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class TelemetryViewTests
{
    [Theory]
    [InlineData(5, "total", "slowest", "/telemetry")]
    [InlineData(1, "total", "slowest", "/telemetry?minutes=1")]
    [InlineData(30, "cache.get", "newest", "/telemetry?minutes=30&stage=cache.get&order=newest")]
    public void The_address_contains_only_non_default_options(int minutes, string stage, string order, string address) =>
        Assert.Equal(address, new TelemetryView(minutes, stage, order).Address);

    [Theory]
    [InlineData(30, "rank", "newest", 30, "rank", "newest")]
    [InlineData(7, " ", "fastest", 5, "total", "slowest")]
    public void Options_are_read_from_the_address_and_invalid_ones_are_the_defaults(int minutes, string stage, string order, int readMinutes, string readStage, string readOrder) =>
        Assert.Equal(new TelemetryView(readMinutes, readStage, readOrder), TelemetryView.From(minutes, stage, order));

    [Theory]
    [InlineData(1, 2)] // the running step is left out
    [InlineData(5, 2)]
    [InlineData(60, 3)]
    public void A_running_step_is_drawn_only_if_it_lasts(int secondsPerStep, int drawn) =>
        Assert.Equal(drawn, TelemetryView.StepsOf(Steps(3, secondsPerStep)).Count);

    [Fact]
    public void The_first_step_of_all_is_drawn_while_it_runs() => Assert.Single(TelemetryView.StepsOf(Steps(1, 1)));

    private static TelemetrySnapshot Steps(int count, int seconds) => new(60, 0, 0, null, new Dictionary<string, long>(), [], [])
    {
        Series = [.. Enumerable.Range(0, count).Select(i => new TelemetryPoint(DateTimeOffset.UnixEpoch.AddSeconds(i * seconds), seconds, 1, 0, null, null, 1, []))],
    };
}
