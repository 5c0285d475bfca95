using System.Net;

namespace NanoRecSys.EndToEndTests;

/// <summary>The pages without an API: they need only their own server to load and to reconnect.</summary>
public sealed class PageServerTests(FirstStart start) : IAsyncLifetime
{
    private const int MaxKiB = 400;

    private readonly PageServer _server = new();

    [Fact]
    public async Task A_page_reconnects_after_its_server_was_killed_and_restarted()
    {
        await using Visit visit = await OpenAsync("/telemetry?minutes=1");
        await visit.Page.EvaluateAsync("window.isTheOldPage = true");

        await _server.KillAsync();
        await Expect(visit.Page.Locator("#components-reconnect-modal")).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await _server.StartAsync();

        await visit.WaitUntilAsync("!window.isTheOldPage && document.querySelector('[data-interactive=true]') !== null");
        await Expect(visit.Page.Locator("#components-reconnect-modal")).ToBeHiddenAsync();
        // The view is in the address, so it is the same as before.
        await Expect(visit.Marked("window-select").Locator("[aria-current=true]")).ToHaveTextAsync("1 min");
    }

    [Theory]
    [InlineData("/telemetry")]
    [InlineData("/training")]
    [InlineData("/system")]
    public async Task A_first_visit_is_light_and_says_that_the_api_is_unavailable(string path)
    {
        await using Visit visit = await OpenAsync(null);
        double bytes = await visit.CountBytesAsync(async () =>
        {
            await visit.OpenAsync(path);
            await Expect(visit.Marked("error-state").First).ToBeVisibleAsync(new() { Timeout = 30_000 });
        });

        double? paint = await visit.Page.EvaluateAsync<double?>("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
        TestContext.Current.TestOutputHelper?.WriteLine($"{path}: {bytes / 1024:0} KiB, first contentful paint after {paint:0} ms");
        Assert.InRange(bytes, 1024, MaxKiB * 1024);
    }

    [Theory]
    [InlineData("/item/260", HttpStatusCode.OK)]
    [InlineData("/user/15", HttpStatusCode.OK)]
    [InlineData("/plots/0123456789ab/retriever-training.png", HttpStatusCode.ServiceUnavailable)]
    public async Task A_silent_api_does_not_make_a_page_a_404(string path, HttpStatusCode expected)
    {
        BuiltStack.RequireBrowser();
        using HttpClient http = new() { BaseAddress = _server.Address };
        using HttpResponseMessage page = await SendAsync(http, HttpMethod.Get, path);
        Assert.Equal(expected, page.StatusCode);
    }

    [Fact]
    public async Task Requests_from_a_foreign_page_are_refused_and_pages_run_only_their_own_scripts()
    {
        BuiltStack.RequireBrowser();
        using HttpClient http = new() { BaseAddress = _server.Address };

        using HttpResponseMessage page = await SendAsync(http, HttpMethod.Get, "/system");
        Assert.Equal(HttpStatusCode.OK, page.StatusCode);
        Assert.Contains(page.Headers.GetValues("Content-Security-Policy"), policy => policy.Contains("script-src 'self' 'nonce-", StringComparison.Ordinal));
        Assert.Equal(["nosniff"], page.Headers.GetValues("X-Content-Type-Options"));

        using HttpResponseMessage own = await SendAsync(http, HttpMethod.Post, "/_blazor/negotiate?negotiateVersion=1", ("Origin", _server.Address.GetLeftPart(UriPartial.Authority)));
        Assert.Equal(HttpStatusCode.OK, own.StatusCode);
        using HttpResponseMessage foreign = await SendAsync(http, HttpMethod.Post, "/_blazor/negotiate?negotiateVersion=1", ("Origin", "http://evil.example"));
        Assert.Equal(HttpStatusCode.Forbidden, foreign.StatusCode);
        using HttpResponseMessage socket = await SendAsync(
            http, HttpMethod.Get, "/_blazor", ("Origin", "http://evil.example"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="));
        Assert.Equal(HttpStatusCode.Forbidden, socket.StatusCode);
        using HttpResponseMessage rebound = await SendAsync(http, HttpMethod.Get, "/system", ("Host", "evil.example"));
        Assert.Equal(HttpStatusCode.BadRequest, rebound.StatusCode);
    }

    public async ValueTask InitializeAsync()
    {
        if (BuiltStack.BrowserObstacle is null)
        {
            await _server.StartAsync();
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private static async Task<HttpResponseMessage> SendAsync(HttpClient http, HttpMethod method, string path, params (string Name, string Value)[] headers)
    {
        using HttpRequestMessage request = new(method, path);
        foreach ((string name, string value) in headers)
        {
            request.Headers.TryAddWithoutValidation(name, value);
        }

        return await http.SendAsync(request, TestContext.Current.CancellationToken);
    }

    private async Task<Visit> OpenAsync(string? path)
    {
        BuiltStack.RequireBrowser();
        Visit visit = await Visit.StartAsync(start.Browser, _server.Address);
        if (path is not null)
        {
            await visit.OpenAsync(path);
        }

        return visit;
    }
}
