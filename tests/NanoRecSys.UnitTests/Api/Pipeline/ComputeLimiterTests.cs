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

public sealed class SharedComputationsTests
{
    private readonly SharedComputations _shared = new();
    private int _waited;

    [Fact]
    public async Task Concurrent_requests_share_a_computation_and_later_ones_compute_again()
    {
        var release = new TaskCompletionSource<RecommendationResponse>();
        Task<RecommendationResponse> first = RunAsync("a", () => release.Task);
        Task<RecommendationResponse> second = RunAsync("a", () => throw new InvalidOperationException("computed twice"));
        Task<RecommendationResponse> other = RunAsync("b", () => Task.FromResult(Result()));
        RecommendationResponse computed = Result();
        release.SetResult(computed);

        Assert.Same(computed, await first);
        Assert.Same(computed, await second);
        Assert.NotSame(computed, await other);
        Assert.NotSame(computed, await RunAsync("a", () => Task.FromResult(Result())));
        Assert.Equal(1, _waited);
    }

    [Fact]
    public async Task A_failure_reaches_all_waiting_requests_and_no_later_ones()
    {
        var release = new TaskCompletionSource<RecommendationResponse>();
        Task<RecommendationResponse> first = RunAsync("a", () => release.Task);
        Task<RecommendationResponse> second = RunAsync("a", () => Task.FromResult(Result()));
        release.SetException(new InvalidDataException("no"));

        await Assert.ThrowsAsync<InvalidDataException>(() => first);
        await Assert.ThrowsAsync<InvalidDataException>(() => second);
        await RunAsync("a", () => Task.FromResult(Result()));
    }

    private static RecommendationResponse Result() => new() { Mode = Modes.Live };

    private Task<RecommendationResponse> RunAsync(string key, Func<Task<RecommendationResponse>> compute) => _shared.RunAsync(key, compute, running =>
    {
        _waited++;
        return new ValueTask<RecommendationResponse>(running);
    });
}
