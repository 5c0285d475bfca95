using NanoRecSys.Api.Telemetry;

namespace NanoRecSys.UnitTests.Api.Telemetry;

public sealed class TelemetryWindowTests
{
    private readonly ManualTime _clock = new();
    private readonly TelemetryWindow _window;

    public TelemetryWindowTests() => _window = new TelemetryWindow(_clock);

    [Fact]
    public void Only_the_seconds_of_the_window_are_counted()
    {
        _window.Add(Trace(100), cacheAnswered: true);
        _clock.Advance(30);
        _window.Add(Trace(1), cacheAnswered: true);

        TelemetrySnapshot tenSeconds = _window.Read(10);
        TelemetrySnapshot minute = _window.Read(60);

        Assert.Equal(1, tenSeconds.Requests);
        Assert.InRange(tenSeconds.Stages.Single(stage => stage.Stage == "total").P99Ms, 0.98, 1.02);
        Assert.Equal(2, minute.Requests);
        Assert.InRange(minute.Stages.Single(stage => stage.Stage == "total").P99Ms, 98, 102);
    }

    [Fact]
    public void Hits_are_counted_by_where_they_were_found()
    {
        _window.Add(Trace(1) with { ServedFromCache = true, CacheSource = "memory" }, cacheAnswered: true);
        _window.Add(Trace(1) with { ServedFromCache = true, CacheSource = "memory" }, cacheAnswered: true);
        _window.Add(Trace(1) with { ServedFromCache = true, CacheSource = "redis" }, cacheAnswered: true);
        _window.Add(Trace(1), cacheAnswered: true);

        Assert.Equal([("memory", 2), ("redis", 1)], _window.Read(60).CacheHits.OrderBy(hits => hits.Key).Select(hits => (hits.Key, hits.Value)));
    }

    [Fact]
    public void The_ring_discards_what_is_older_than_its_length()
    {
        _window.Add(Trace(1), cacheAnswered: true);
        _clock.Advance(TelemetryWindow.MaxSeconds); // the same slot of the ring
        _window.Add(Trace(1), cacheAnswered: true);

        Assert.Equal(1, _window.Read(TelemetryWindow.MaxSeconds).Requests);
    }

    [Fact]
    public void Half_an_hour_is_counted_in_minutes()
    {
        _window.Add(Trace(1), cacheAnswered: true);
        _clock.Advance(20 * 60);
        _window.Add(Trace(1), cacheAnswered: true);

        Assert.Equal(1, _window.Read(300).Requests);
        Assert.Equal(2, _window.Read(1800).Requests);
    }

    [Fact]
    public void The_rate_covers_the_services_uptime_if_it_is_shorter_than_the_window()
    {
        _clock.Advance(5);
        for (int request = 0; request < 20; request++)
        {
            _window.Add(Trace(1), cacheAnswered: false);
        }

        Assert.Equal(4, _window.Read(60).RequestsPerSecond);
    }

    [Fact]
    public void A_cache_that_never_answered_has_no_hit_ratio()
    {
        _window.Add(Trace(1), cacheAnswered: false);

        Assert.Null(_window.Read(60).CacheHitRatio);
    }

    [Fact]
    public async Task Nothing_is_lost_if_many_threads_count_concurrently()
    {
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(
            () =>
            {
                for (int request = 0; request < 2000; request++)
                {
                    _window.Add(Trace(1), cacheAnswered: true);
                    _window.CountError("server");
                }
            },
            TestContext.Current.CancellationToken)));

        TelemetrySnapshot read = _window.Read(60);
        Assert.Equal(16_000, read.Requests);
        Assert.Equal(16_000, read.Modes["live"]);
        Assert.Equal(16_000, read.Errors["server"]);
        Assert.Equal([16_000, 16_000], read.Stages.Select(stage => stage.Count));
        Assert.Equal(16_000, _window.Read(1800).Requests);
    }

    [Fact]
    public void The_slowest_of_the_whole_window_come_first_and_not_only_the_last_ones()
    {
        _window.Add(Trace(900, "slow"), cacheAnswered: true);
        _clock.Advance(20);
        for (int request = 0; request < 200; request++)
        {
            _window.Add(Trace(1), cacheAnswered: true);
        }

        _window.Add(Trace(30, "slower than most"), cacheAnswered: true);

        Assert.Equal(["slow", "slower than most", "id"], _window.Read(60).Slowest.Take(3).Select(trace => trace.RequestId));
        Assert.DoesNotContain("slow", _window.Read(10).Slowest.Select(trace => trace.RequestId));
        Assert.Equal("slower than most", _window.Read(60).Recent[0].RequestId);
        Assert.Equal(50, _window.Read(60).Recent.Count);
    }

    [Fact]
    public void A_minute_is_divided_into_seconds_since_the_service_started()
    {
        _clock.Advance(1);
        _window.Add(Trace(2), cacheAnswered: true);
        _window.CountError("cache");
        _clock.Advance(2);
        _window.Add(Trace(8), cacheAnswered: true);
        _window.Add(Trace(8), cacheAnswered: true);

        IReadOnlyList<TelemetryPoint> series = _window.Read(60).Series;

        Assert.Equal([0, 1, 0, 2], series.Select(point => point.Requests));
        Assert.Equal([0, 1, 0, 0], series.Select(point => point.Errors));
        Assert.Equal([1.0, 1, 1, 0], series.Select(point => point.Seconds));
        Assert.InRange(series[3].Stages.Single(stage => stage.Stage == "total").P50Ms, 7.84, 8.16);
        Assert.Empty(series[2].Stages);
    }

    [Theory]
    [InlineData(60, 60, 1)]
    [InlineData(300, 60, 5)]
    [InlineData(1800, 30, 60)]
    public void A_full_window_has_steps_of_equal_length(int window, int steps, int seconds)
    {
        _clock.Advance(3600);

        IReadOnlyList<TelemetryPoint> series = _window.Read(window).Series;

        Assert.Equal(steps, series.Count);
        Assert.Equal(seconds, (series[1].Time - series[0].Time).TotalSeconds);
    }

    [Fact]
    public void The_maxima_of_running_and_waiting_requests_are_kept()
    {
        _window.Enter();
        _window.Enter();
        _window.Add(Trace(1), cacheAnswered: true);
        _window.Leave();
        _window.Add(Trace(1), cacheAnswered: true);
        _window.ObserveQueue(3);
        _window.ObserveQueue(1);

        TelemetryPoint now = Assert.Single(_window.Read(60).Series);

        Assert.Equal((2, 3), (now.InFlight, now.QueueDepth));
    }

    [Fact]
    public void Without_a_queue_its_depth_is_unknown_rather_than_zero()
    {
        _window.Add(Trace(1), cacheAnswered: true);

        Assert.Null(Assert.Single(_window.Read(60).Series).QueueDepth);
    }

    private RequestTrace Trace(double milliseconds, string id = "id") =>
        new(id, _clock.GetUtcNow(), "live", false, milliseconds, [new StageTiming("encode", 0, milliseconds)]);
}

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
