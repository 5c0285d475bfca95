using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Telemetry;

namespace NanoRecSys.UnitTests.Web;

public sealed class TelemetryPageTests : BunitContext
{
    private static readonly TelemetrySnapshot Nothing = new(300, 0, 0, null, new Dictionary<string, long>(), [], [], []);

    private readonly FakeApi _api = new();
    private readonly Dictionary<string, string?> _settings = [];

    public TelemetryPageTests()
    {
        Services.AddSingleton(_ => _api.Client());
        Services.AddSingleton<ApiCalls>();
        Services.AddSingleton(services => new Feeds(services, TimeProvider.System));
        Services.AddSingleton<IConfiguration>(_ => new ConfigurationBuilder().AddInMemoryCollection(_settings).Build());
    }

    [Fact]
    public void The_aspire_dashboard_is_linked_if_its_address_is_known()
    {
        _settings["ASPIRE_DASHBOARD_URL"] = "http://localhost:15080";

        Assert.Equal("http://localhost:15080", Show(Nothing).Find("a.button").GetAttribute("href"));
    }

    [Fact]
    public void It_shows_the_number_of_replicas()
    {
        IRenderedComponent<TelemetryPage> page = Show(Nothing with { Replicas = 3 });

        page.WaitForAssertion(() => Assert.StartsWith("3 replicas", page.Find("[data-testid=telemetry-replicas]").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void Each_model_version_that_answered_has_a_row()
    {
        IRenderedComponent<TelemetryPage> page = Show(Nothing with { Versions = [new("26ce4c48e9a3", 9, 1.5, 12, 60), new("9be1c7b0f2d4", 1, 2, 2, 2)] });

        page.WaitForAssertion(() => Assert.Equal(
            ["26ce4c48e9a3 1.50 ms 12.0 ms 60.0 ms 9", "9be1c7b0f2d4 2.00 ms 2.00 ms 2.00 ms 1"],
            page.FindAll("[data-testid=telemetry-version-row]").Select(row => string.Join(' ', row.Children.Select(cell => cell.TextContent)))));
        Assert.Empty(page.FindAll("[data-testid=telemetry-replicas]"));
    }

    [Fact]
    public void Before_any_request_each_panel_says_what_will_be_there()
    {
        IRenderedComponent<TelemetryPage> page = Show(Nothing);

        page.WaitForAssertion(() => Assert.Equal(3, page.FindAll("[data-testid=empty-state]").Count)); // stages, versions, requests
    }

    private IRenderedComponent<TelemetryPage> Show(TelemetrySnapshot snapshot)
    {
        _api.On("GET /debug/telemetry", snapshot);
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));
        return Render<TelemetryPage>();
    }
}

public sealed class TelemetryViewTests
{
    [Theory]
    [InlineData(5, "total", "slowest", "/telemetry")]
    [InlineData(1, "total", "slowest", "/telemetry?minutes=1")]
    [InlineData(30, "cache.get", "newest", "/telemetry?minutes=30&stage=cache.get&order=newest")]
    public void The_address_contains_only_non_default_options(int minutes, string stage, string order, string address) =>
        Assert.Equal(address, new TelemetryView(minutes, stage, order).Address);

    [Theory]
    [InlineData(30, "rank", "newest", 30, "rank", "newest")]
    [InlineData(7, " ", "fastest", 5, "total", "slowest")]
    public void Options_are_read_from_the_address_and_invalid_ones_are_the_defaults(int minutes, string stage, string order, int readMinutes, string readStage, string readOrder) =>
        Assert.Equal(new TelemetryView(readMinutes, readStage, readOrder), TelemetryView.From(minutes, stage, order));

    [Theory]
    [InlineData(1, 2)] // the running step is left out
    [InlineData(5, 2)]
    [InlineData(60, 3)]
    public void A_running_step_is_drawn_only_if_it_lasts(int secondsPerStep, int drawn) =>
        Assert.Equal(drawn, TelemetryView.StepsOf(Steps(3, secondsPerStep)).Count);

    [Fact]
    public void The_first_step_of_all_is_drawn_while_it_runs() => Assert.Single(TelemetryView.StepsOf(Steps(1, 1)));

    private static TelemetrySnapshot Steps(int count, int seconds) => new(60, 0, 0, null, new Dictionary<string, long>(), [], [])
    {
        Series = [.. Enumerable.Range(0, count).Select(i => new TelemetryPoint(DateTimeOffset.UnixEpoch.AddSeconds(i * seconds), seconds, 1, 0, null, null, 1, []))],
    };
}

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

public sealed class LatencyChartShapeTests
{
    private static readonly DateTimeOffset Noon = new(2026, 1, 2, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public void A_second_without_requests_ends_the_line()
    {
        LatencyChartShape shape = LatencyChartShape.From([Second(0, 10), Second(1, 10), Second(2, null), Second(3, 10)], "total", 4);

        Assert.Equal(["12.5,", "37.5,"], shape.P50[0].Split(' ').Select(point => point[..(point.IndexOf(',', StringComparison.Ordinal) + 1)]));
        Assert.Equal(2, shape.P50.Count);
        Assert.Equal(["75,", "100,"], shape.P50[1].Split(' ').Select(point => point[..(point.IndexOf(',', StringComparison.Ordinal) + 1)])); // a single second is drawn over its whole width
    }

    [Fact]
    public void A_window_that_is_not_full_yet_is_drawn_from_the_right()
    {
        LatencyChartShape shape = LatencyChartShape.From([Second(0, 10), Second(1, 10)], "total", 10);

        Assert.Equal(10, shape.Columns.Count);
        Assert.Equal([85, 95], shape.Columns.OfType<LatencyColumn>().Select(column => column.Left));
    }

    [Fact]
    public void Only_the_chosen_stage_is_drawn() =>
        Assert.Empty(LatencyChartShape.From([Second(0, 10)], "rank", 60).P50);

    private static TelemetryPoint Second(int second, double? p50) => new(
        Noon.AddSeconds(second), 1, p50 is null ? 0 : 1, 0, null, null, 1,
        p50 is null ? [] : [new StageLatency("total", 1, p50.Value, 2 * p50.Value, 3 * p50.Value)]);
}

public sealed class LatencyScaleTests
{
    [Theory]
    [InlineData(0.2, 20, 0.31, 14.0)]
    [InlineData(2, 5, 3.0)] // a single duration is between two lines
    public void It_ranges_from_the_round_number_below_to_the_one_above(double low, double high, params double[] durations)
    {
        LatencyScale scale = LatencyScale.Of(durations);

        Assert.Equal(low, scale.LowMs, 6);
        Assert.Equal(high, scale.HighMs, 6);
    }

    [Fact]
    public void The_scale_is_logarithmic()
    {
        var scale = new LatencyScale(0.1, 100);

        Assert.Equal(100, scale.Top(0.1), 6);
        Assert.Equal(200.0 / 3, scale.Top(1), 6);
        Assert.Equal(100.0 / 3, scale.Top(10), 6);
        Assert.Equal(0, scale.Top(100), 6);
    }

    [Fact]
    public void Ticks_are_round_and_few()
    {
        Assert.Equal([1, 2, 5, 10], new LatencyScale(1, 10).Ticks().Select(ms => Math.Round(ms, 6)));
        Assert.Equal([0.1, 1, 10, 100], new LatencyScale(0.1, 200).Ticks().Select(ms => Math.Round(ms, 6)));
    }

    [Fact]
    public void Without_requests_there_is_an_axis() => Assert.NotEmpty(LatencyScale.Of([]).Ticks());
}
