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

    [Fact]
    public void An_invalid_address_shows_the_defaults() =>
        Assert.Equal(new TelemetryView(5, "total", "slowest"), TelemetryView.From(7, " ", "fastest"));

    [Theory]
    [InlineData(1, 2)] // the running step is left out
    [InlineData(5, 2)]
    [InlineData(60, 3)]
    public void A_running_step_is_drawn_only_if_it_lasts(int secondsPerStep, int drawn) =>
        Assert.Equal(drawn, TelemetryView.StepsOf(Steps(3, secondsPerStep)).Count);

    [Fact]
    public void The_first_step_of_all_is_drawn_while_it_runs() => Assert.Single(TelemetryView.StepsOf(Steps(1, 1)));

    [Fact]
    public void An_address_survives_a_round_trip() =>
        Assert.Equal(new TelemetryView(30, "rank", "newest"), TelemetryView.From(30, "rank", "newest"));

    private static TelemetrySnapshot Steps(int count, int seconds) => new(60, 0, 0, null, new Dictionary<string, long>(), [], [])
    {
        Series = [.. Enumerable.Range(0, count).Select(i => new TelemetryPoint(DateTimeOffset.UnixEpoch.AddSeconds(i * seconds), seconds, 1, 0, null, null, 1, []))],
    };
}
