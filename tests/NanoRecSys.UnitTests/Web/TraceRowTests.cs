using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class TraceRowTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    // 8 ms in the API: 2 in Redis, then 4 in the network, then 2 outside any stage.
    private static readonly RequestTrace Trace = new(
        "id", Noon, "live", false, 8, [new StageTiming("cache.get", 0, 2), new StageTiming("encode", 2, 4)]);

    [Fact]
    public void The_pages_call_contains_the_apis_request_with_its_stages()
    {
        IReadOnlyList<TraceRow> rows = TraceRow.Of(Trace, new ApiCall(Noon.AddMilliseconds(-1), 10));

        Assert.Equal(
            [
                new TraceRow("Web", "call", 0, 100, 10), new TraceRow("API", "recommend", 10, 80, 8),
                new TraceRow("Redis", "cache.get", 10, 20, 2), new TraceRow("API", "encode", 30, 40, 4),
                new TraceRow("API", "other", 70, 20, 2), // outside any stage
            ],
            rows);
    }

    [Fact]
    public void A_request_of_another_client_fills_the_width() =>
        Assert.Equal(new TraceRow("API", "recommend", 0, 100, 8), TraceRow.Of(Trace, null)[0]);

    [Theory]
    [InlineData("memory", "API")] // the API's own memory
    [InlineData("redis", "Redis")]
    public void A_hit_shows_where_it_was_found(string source, string part) =>
        Assert.Equal(part, TraceRow.Of(Trace with { ServedFromCache = true, CacheSource = source }, null)[1].Part);

    [Fact]
    public void Clock_differences_do_not_move_the_request_outside_its_call()
    {
        TraceRow request = TraceRow.Of(Trace, new ApiCall(Noon.AddSeconds(-5), 10))[1];

        Assert.Equal(100, request.Left + request.Width, 6);
    }
}
