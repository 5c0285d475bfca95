using NanoRecSys.Web.Client;

namespace NanoRecSys.UnitTests.Web;

public sealed class ApiCallsTests
{
    [Fact]
    public void Old_calls_are_discarded_so_that_memory_stays_bounded()
    {
        var calls = new ApiCalls();
        for (int call = 0; call < 600; call++)
        {
            calls.Add($"{call}", new ApiCall(DateTimeOffset.UnixEpoch, call));
        }

        Assert.Null(calls.Find("99"));
        Assert.Equal(100, calls.Find("100")!.DurationMs);
        Assert.Equal(599, calls.Find("599")!.DurationMs);
    }
}
