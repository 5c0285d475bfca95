using NanoRecSys.Api.Pipeline;

namespace NanoRecSys.UnitTests.Api.Pipeline;

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
