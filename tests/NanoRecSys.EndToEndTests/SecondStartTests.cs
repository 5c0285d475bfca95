using NanoRecSys.EndToEndTests.Fixtures;

namespace NanoRecSys.EndToEndTests;

[Collection(SharedFirstStart.Name)]
public sealed class SecondStartTests(FirstStart start)
{
    [Fact]
    public async Task A_second_start_on_the_same_artifacts_recommends_within_10_seconds_beside_the_first()
    {
        Assert.SkipWhen(BuiltStack.BrowserObstacle is not null, BuiltStack.BrowserObstacle ?? "");
        await using StackProcess second = StackProcess.Start(start.Artifacts);
        Took recommending = await second.Recommending.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken);
        TestContext.Current.TestOutputHelper?.WriteLine($"Second start: {recommending}.");
        Assert.True(recommending.OnTwoCores < TimeSpan.FromSeconds(10), $"{recommending}\n{second.Output}");
        Assert.NotEqual(start.Address, await second.Address);
        Assert.DoesNotContain("training one on", second.Output, StringComparison.Ordinal);
    }
}
