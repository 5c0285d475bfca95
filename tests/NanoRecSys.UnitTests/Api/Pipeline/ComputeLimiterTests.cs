using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Pipeline;
using NanoRecSys.Api.Telemetry;

namespace NanoRecSys.UnitTests.Api.Pipeline;

public sealed class ComputeLimiterTests : IDisposable
{
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly TelemetryWindow _window = new(TimeProvider.System);
    private readonly RecommendationTelemetry _telemetry;

    public ComputeLimiterTests() => _telemetry = new RecommendationTelemetry(Meters, _window, new RequestCounters(_window), TimeProvider.System);

    private IMeterFactory Meters => _services.GetRequiredService<IMeterFactory>();

    public void Dispose()
    {
        _telemetry.Dispose();
        _services.Dispose();
    }

    [Fact]
    public async Task One_computes_one_waits_and_the_third_is_rejected()
    {
        using ComputeLimiter limiter = Create(TimeSpan.FromSeconds(30));
        IDisposable? first = await EnterAsync(limiter);
        Task<IDisposable?> second = EnterAsync(limiter);
        IDisposable? third = await EnterAsync(limiter);

        Assert.NotNull(first);
        Assert.False(second.IsCompleted);
        Assert.Null(third);
        Assert.Equal(new ComputeLoad(1, 1, 1, 1, 1), limiter.Read());
        Assert.Equal(1, _window.Read(60).Series.Max(point => point.QueueDepth));

        first.Dispose();
        Assert.NotNull(await second);
        Assert.Equal(new ComputeLoad(1, 1, 0, 1, 1), limiter.Read());
        (await second)!.Dispose();
        Assert.Equal(new ComputeLoad(0, 1, 0, 1, 1), limiter.Read());
    }

    [Fact]
    public async Task No_request_waits_longer_than_the_longest_wait()
    {
        using ComputeLimiter limiter = Create(TimeSpan.FromMilliseconds(20));
        using IDisposable? first = await EnterAsync(limiter);

        Assert.Null(await EnterAsync(limiter));
        Assert.Equal(new ComputeLoad(1, 1, 0, 1, 1), limiter.Read());
    }

    private ComputeLimiter Create(TimeSpan longestWait) =>
        new(Options.Create(new OverloadOptions { Concurrency = 1, QueueLimit = 1, LongestWait = longestWait }), _window, Meters);

    private async Task<IDisposable?> EnterAsync(ComputeLimiter limiter)
    {
        using RequestTimeline timeline = _telemetry.Begin("r");
        return await limiter.EnterAsync(timeline);
    }
}
