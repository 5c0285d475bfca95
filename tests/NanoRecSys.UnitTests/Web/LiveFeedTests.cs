using NanoRecSys.Client;
using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

public sealed class LiveFeedTests : IDisposable
{
    private readonly SemaphoreSlim _mayRead = new(0);
    private int _reads;

    public void Dispose() => _mayRead.Dispose();

    [Fact]
    public async Task Viewers_share_one_poll_and_see_the_same_values()
    {
        var first = new Viewer();
        var second = new Viewer();
        LiveFeed<string> feed = Feed(_ => "value");
        using IDisposable one = feed.Subscribe(first.See);
        using IDisposable two = feed.Subscribe(second.See);

        _mayRead.Release();

        Assert.Equal("value", (await first.NextAsync()).Value);
        Assert.Equal("value", (await second.NextAsync()).Value);
        Assert.Equal(1, _reads);
    }

    [Fact]
    public async Task A_failed_read_keeps_the_last_value_and_says_why()
    {
        var viewer = new Viewer();
        LiveFeed<string> feed = Feed(read => read == 1 ? "value" : throw new ApiException(ApiFailure.Away, "The API does not answer."));
        using IDisposable subscription = feed.Subscribe(viewer.See);

        _mayRead.Release(2);
        await viewer.NextAsync();
        Reading<string> second = await viewer.NextAsync();

        Assert.Equal("value", second.Value);
        Assert.Equal(ApiFailure.Away, second.Failure!.Failure);
    }

    [Fact]
    public async Task An_unexpected_failure_says_why_and_the_poll_goes_on()
    {
        var viewer = new Viewer();
        LiveFeed<string> feed = Feed(read => read switch
        {
            1 => "value",
            2 => throw new InvalidOperationException("The list is empty."),
            3 => throw new TaskCanceledException("It took too long."),
            _ => "another",
        });
        using IDisposable subscription = feed.Subscribe(viewer.See);

        _mayRead.Release(4);
        Reading<string>[] readings = [await viewer.NextAsync(), await viewer.NextAsync(), await viewer.NextAsync(), await viewer.NextAsync()];

        Assert.Equal(["value", "value", "value", "another"], readings.Select(reading => reading.Value));
        Assert.Equal(
            [null, "The API could not be asked: The list is empty.", "The API could not be asked: It took too long.", null],
            readings.Select(reading => reading.Failure?.Message));
    }

    [Fact]
    public async Task A_viewer_that_throws_does_not_affect_the_others()
    {
        var viewer = new Viewer();
        LiveFeed<string> feed = Feed(read => $"value {read}");
        using IDisposable broken = feed.Subscribe(_ => throw new InvalidOperationException("It cannot be shown."));
        using IDisposable subscription = feed.Subscribe(viewer.See);

        _mayRead.Release(2);

        Assert.Equal("value 1", (await viewer.NextAsync()).Value);
        Assert.Equal("value 2", (await viewer.NextAsync()).Value);
    }

    [Fact]
    public async Task Viewers_that_left_are_not_notified_and_new_ones_start_afresh()
    {
        var viewer = new Viewer();
        LiveFeed<string> feed = Feed(read => $"value {read}");
        using (feed.Subscribe(viewer.See))
        {
            _mayRead.Release();
            await viewer.NextAsync();
        }

        using IDisposable again = feed.Subscribe(viewer.See);
        Assert.Null(feed.Latest.Value);
        _mayRead.Release(2); // the poll that just ended may still take one
        Assert.NotEqual("value 1", (await viewer.NextAsync()).Value);
    }

    // Each read waits for a permit, so that a test sets the number of reads.
    private LiveFeed<string> Feed(Func<int, string> read) => new(
        async cancellation =>
        {
            await _mayRead.WaitAsync(cancellation);
            return read(Interlocked.Increment(ref _reads));
        },
        _ => TimeSpan.Zero,
        TimeProvider.System);

    private sealed class Viewer
    {
        private readonly System.Threading.Channels.Channel<Reading<string>> _seen =
            System.Threading.Channels.Channel.CreateUnbounded<Reading<string>>();

        public void See(Reading<string> reading) => _seen.Writer.TryWrite(reading);

        public Task<Reading<string>> NextAsync() =>
            _seen.Reader.ReadAsync(TestContext.Current.CancellationToken).AsTask().WaitAsync(TimeSpan.FromSeconds(10));
    }
}

public sealed class LatestAnswerTests
{
    [Fact]
    public async Task The_newest_request_counts_even_if_an_older_answer_arrives_later()
    {
        using LatestAnswer<string> answer = new();
        TaskCompletionSource<string> slow = new();

        Task<bool> first = answer.AskAsync(_ => slow.Task);
        bool second = await answer.AskAsync(_ => Task.FromResult("new"));
        slow.SetResult("old");

        Assert.False(await first);
        Assert.True(second);
        Assert.Equal("new", answer.Value);
        Assert.False(answer.Loading);
    }

    [Fact]
    public async Task A_failure_leaves_the_last_answer_on_the_screen()
    {
        using LatestAnswer<string> answer = new();
        await answer.AskAsync(_ => Task.FromResult("shown"));

        bool came = await answer.AskAsync(_ => throw new ApiException(ApiFailure.Away, "The API does not answer."));

        Assert.False(came);
        Assert.Equal(("shown", "The API does not answer.", false), (answer.Value, answer.Failure, answer.Loading));
    }

    [Fact]
    public async Task A_new_request_cancels_the_older_one()
    {
        using LatestAnswer<string> answer = new();
        CancellationToken older = default;
        TaskCompletionSource<string> never = new();
        _ = answer.AskAsync(cancellation =>
        {
            older = cancellation;
            return never.Task;
        });

        await answer.AskAsync(_ => Task.FromResult("new"));

        Assert.True(older.IsCancellationRequested);
    }
}
