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
    public async Task Nobody_is_told_after_leaving_and_a_newcomer_starts_afresh()
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
        _mayRead.Release(2); // The poll that just ended may still take one.
        Assert.NotEqual("value 1", (await viewer.NextAsync()).Value);
    }

    // Each read waits for a permit, so that a test decides how many there are.
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
