using NanoRecSys.Client;
using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

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
