using NanoRecSys.Api.Telemetry;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.UnitTests.Api.Telemetry;

public sealed class TelemetryWindowTests
{
    private readonly Clock _clock = new();

    [Fact]
    public void Only_the_seconds_of_the_window_are_counted()
    {
        var window = new TelemetryWindow(_clock);
        window.Add(Trace(100), cacheAnswered: true);
        _clock.Advance(30);
        window.Add(Trace(1), cacheAnswered: true);

        TelemetrySnapshot tenSeconds = window.Read(10);
        TelemetrySnapshot minute = window.Read(60);

        Assert.Equal(1, tenSeconds.Requests);
        Assert.InRange(tenSeconds.Stages.Single(stage => stage.Stage == "total").P99Ms, 0.98, 1.02);
        Assert.Equal(2, minute.Requests);
        Assert.InRange(minute.Stages.Single(stage => stage.Stage == "total").P99Ms, 98, 102);
    }

    [Fact]
    public void The_ring_forgets_what_is_older_than_it_is_long()
    {
        var window = new TelemetryWindow(_clock);
        window.Add(Trace(1), cacheAnswered: true);
        _clock.Advance(TelemetryWindow.MaxSeconds); // the same place in the ring
        window.Add(Trace(1), cacheAnswered: true);

        Assert.Equal(1, window.Read(TelemetryWindow.MaxSeconds).Requests);
    }

    [Fact]
    public void Half_an_hour_is_counted_by_the_minute()
    {
        var window = new TelemetryWindow(_clock);
        window.Add(Trace(1), cacheAnswered: true);
        _clock.Advance(20 * 60);
        window.Add(Trace(1), cacheAnswered: true);

        Assert.Equal(1, window.Read(300).Requests);
        Assert.Equal(2, window.Read(1800).Requests);
    }

    [Fact]
    public void The_rate_is_over_the_service_s_life_while_that_is_shorter_than_the_window()
    {
        var window = new TelemetryWindow(_clock);
        _clock.Advance(5);
        for (int request = 0; request < 20; request++)
        {
            window.Add(Trace(1), cacheAnswered: false);
        }

        Assert.Equal(4, window.Read(60).RequestsPerSecond);
    }

    [Fact]
    public void A_cache_that_never_answered_has_no_hit_ratio()
    {
        var window = new TelemetryWindow(_clock);
        window.Add(Trace(1), cacheAnswered: false);

        Assert.Null(window.Read(60).CacheHitRatio);
    }

    private RequestTrace Trace(double milliseconds) =>
        new("id", _clock.GetUtcNow(), "live", false, milliseconds, [new StageTiming("encode", 0, milliseconds)]);

    private sealed class Clock : TimeProvider
    {
        private DateTimeOffset _now = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

        public override DateTimeOffset GetUtcNow() => _now;

        public void Advance(int seconds) => _now = _now.AddSeconds(seconds);
    }
}
