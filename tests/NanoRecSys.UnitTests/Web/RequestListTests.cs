using Bunit;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class RequestListTests : BunitContext
{
    public RequestListTests() => Services.AddSingleton<ApiCalls>();

    [Fact]
    public void An_opened_request_stays_when_others_push_it_out_of_the_list()
    {
        IRenderedComponent<RequestList> list = Render<RequestList>(parameters => parameters.Add(list => list.Requests, [Trace("a", 5)]));
        list.Find("button").Click();

        list.Render(parameters => parameters.Add(list => list.Requests, [.. Enumerable.Range(0, 30).Select(i => Trace($"new {i}", 9))]));

        Assert.Equal("a", list.Find("li[data-testid=telemetry-request]").GetAttribute("data-request"));
        Assert.Equal("true", list.Find("button").GetAttribute("aria-expanded"));
        Assert.Equal(["recommend", "encode"], list.FindAll("[data-testid=trace-waterfall] li").Select(row => row.GetAttribute("data-stage")));

        list.Find("button").Click();

        Assert.Equal("new 0", list.Find("li[data-testid=telemetry-request]").GetAttribute("data-request"));
        Assert.Empty(list.FindAll("[data-testid=trace-waterfall]"));
    }

    [Fact]
    public void Without_requests_it_says_so() =>
        Assert.Contains("No requests yet", Render<RequestList>().Markup, StringComparison.Ordinal);

    private static RequestTrace Trace(string id, double ms) =>
        new(id, DateTimeOffset.UnixEpoch, "live", false, ms, [new StageTiming("encode", 0, ms)]);
}
