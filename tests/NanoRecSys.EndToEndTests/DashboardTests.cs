namespace NanoRecSys.EndToEndTests;

/// <summary>Aspire's dashboard, as a user sees it after logging in with the address that the host prints.</summary>
public sealed class DashboardTests(FirstStart start)
{
    [Fact]
    public async Task All_resources_are_healthy_and_the_training_has_finished()
    {
        await using Visit dashboard = await OpenAsync();

        foreach ((string resource, string state) in new[] { ("cache", "Running"), ("api", "Running"), ("web", "Running"), ("training", "Finished") })
        {
            ILocator row = dashboard.Page.GetByRole(AriaRole.Row).Filter(new() { Has = dashboard.Page.GetByText(resource, new() { Exact = true }) });
            await Expect(row).ToContainTextAsync(state);
            await Expect(row).Not.ToContainTextAsync("Unhealthy");
        }

        await Expect(dashboard.Page.GetByText("certificate")).ToHaveCountAsync(0); // no certificate banner
        await Picture.TakeAsync(dashboard.Page, "dashboard-resources.jpg");
    }

    [Fact]
    public async Task The_dashboard_requires_its_token()
    {
        BuiltStack.RequireBrowser();
        await using Visit dashboard = await Visit.StartAsync(start.Browser, start.Dashboard);
        await dashboard.Page.GotoAsync(new Uri(start.Dashboard, "/").ToString());
        await Expect(dashboard.Page).ToHaveURLAsync(new System.Text.RegularExpressions.Regex("/login"));
        await Expect(dashboard.Page.GetByText("cache", new() { Exact = true })).ToHaveCountAsync(0);
    }

    [Fact]
    public async Task A_recommendation_requested_by_the_page_is_one_trace_through_web_api_and_cache_with_its_stages()
    {
        await using Visit dashboard = await OpenAsync();
        // The first request of a process mostly measures JIT compilation; the test opens a later one.
        await ShowRecommendationsAsync("/?user=101");
        await ShowRecommendationsAsync("/?user=102");
        await ShowRecommendationsAsync("/?user=103");

        await dashboard.Page.GotoAsync("/traces");
        // The API's 12 spans include MGET, HLEN and SETEX. They arrive over seconds; the last is lost if the client's profiler is read just before it ends.
        ILocator traces = dashboard.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "web: recommend" }).Filter(new() { HasText = "api (12)" }).Filter(new() { HasText = "cache (3)" });
        await Expect(traces).Not.ToHaveCountAsync(0);
        await traces.Last.ClickAsync();

        // The whole path, in order.
        ILocator spans = dashboard.Page.Locator("[role=row]");
        string[] expected =
        [
            "recommend", "POST", "POST /recommend", "recommend", "cache.get", "MGET", "HLEN",
            "history", "encode", "retrieve", "rank", "explain", "cache.set", "SETEX",
        ];
        await Expect(spans).ToContainTextAsync(["Name", .. expected]);
        await Expect(dashboard.Page.GetByText($"Total spans {expected.Length}")).ToBeVisibleAsync();
        await Picture.TakeAsync(dashboard.Page, "dashboard-trace.jpg");
    }

    [Fact]
    public async Task Polling_and_background_work_do_not_hide_user_traces()
    {
        await using Visit dashboard = await OpenAsync();
        await using Visit telemetry = await start.OpenAsync("/telemetry?minutes=1"); // polls once a second
        await telemetry.Page.WaitForTimeoutAsync(4_000);

        await dashboard.Page.GotoAsync("/traces");
        await Expect(dashboard.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "web: recommend" })).Not.ToHaveCountAsync(0);
        string[] traces = [.. await dashboard.Page.GetByRole(AriaRole.Row).AllInnerTextsAsync()];
        Assert.DoesNotContain(traces, trace => trace.Contains("debug/telemetry", StringComparison.Ordinal) || trace.Contains("web: debug", StringComparison.Ordinal) || trace.Contains("readyz", StringComparison.Ordinal)
            || trace.Contains("_blazor", StringComparison.Ordinal) || trace.Contains("DATA redis", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_stages_are_a_metric_and_every_service_logs()
    {
        await using Visit dashboard = await OpenAsync();
        await dashboard.Page.GotoAsync("/metrics/resource/api?meter=NanoRecSys.Api&instrument=nanorecsys.stage.duration");
        await Expect(dashboard.Page.GetByRole(AriaRole.Heading, new() { Name = "nanorecsys.stage.duration" })).ToBeVisibleAsync();
        await Expect(dashboard.Page.GetByText("cache.get")).Not.ToHaveCountAsync(0);

        foreach (string resource in new[] { "cache", "api", "web", "training" })
        {
            await dashboard.Page.GotoAsync($"/structuredlogs/resource/{resource}");
            await Expect(dashboard.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "Information" })).Not.ToHaveCountAsync(0);
        }

        await dashboard.Page.GotoAsync("/traces/resource/training");
        await Expect(dashboard.Page.GetByRole(AriaRole.Row).Filter(new() { HasText = "training: run" })).Not.ToHaveCountAsync(0);
    }

    private async Task ShowRecommendationsAsync(string path)
    {
        await using Visit page = await start.OpenAsync(path);
        await page.Marked("recommendation-card").First.WaitForAsync();
    }

    private async Task<Visit> OpenAsync()
    {
        BuiltStack.RequireBrowser();
        Visit dashboard = await Visit.StartAsync(start.Browser, start.Dashboard, new Screen(1280, 720, ColorScheme.Dark));
        await dashboard.Page.GotoAsync(start.Dashboard.ToString());
        await Expect(dashboard.Page.GetByText("training", new() { Exact = true })).ToBeVisibleAsync();
        return dashboard;
    }
}
