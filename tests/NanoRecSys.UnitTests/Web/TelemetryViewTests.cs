using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class TelemetryViewTests
{
    [Theory]
    [InlineData(5, "total", "slowest", "/telemetry")]
    [InlineData(1, "total", "slowest", "/telemetry?minutes=1")]
    [InlineData(30, "cache.get", "newest", "/telemetry?minutes=30&stage=cache.get&order=newest")]
    public void The_address_tells_what_is_not_usual(int minutes, string stage, string order, string address) =>
        Assert.Equal(address, new TelemetryView(minutes, stage, order).Address);

    [Fact]
    public void An_address_that_says_nonsense_shows_what_is_usual() =>
        Assert.Equal(new TelemetryView(5, "total", "slowest"), TelemetryView.From(7, " ", "fastest"));

    [Fact]
    public void An_address_comes_back_as_it_was() =>
        Assert.Equal(new TelemetryView(30, "rank", "newest"), TelemetryView.From(30, "rank", "newest"));
}
