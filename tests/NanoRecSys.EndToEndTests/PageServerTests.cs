using System.Globalization;
using NanoRecSys.EndToEndTests.Fixtures;
using static Microsoft.Playwright.Assertions;

namespace NanoRecSys.EndToEndTests;

/// <summary>The pages without an API behind them: they need nothing but their own server to come, and to come back.</summary>
public sealed class PageServerTests(FirstStart start) : IAsyncLifetime
{
    private const int MostKiB = 400;

    private readonly PageServer _server = new();

    [Fact]
    public async Task A_page_comes_back_by_itself_after_its_server_was_killed_and_started_again()
    {
        await using Visit visit = await OpenAsync("/telemetry?minutes=1");
        await visit.Page.EvaluateAsync("window.isTheOldPage = true");

        await _server.KillAsync();
        await Expect(visit.Page.Locator("#components-reconnect-modal")).ToBeVisibleAsync(new() { Timeout = 30_000 });
        await _server.StartAsync();

        await visit.Page.WaitForFunctionAsync(
            "!window.isTheOldPage && document.querySelector('[data-interactive=true]') !== null", null, new() { Timeout = 90_000 });
        await Expect(visit.Page.Locator("#components-reconnect-modal")).ToBeHiddenAsync();
        // The view stands in the address, so it is the one that was left.
        await Expect(visit.Marked("window-select").Locator("[aria-current=true]")).ToHaveTextAsync("1 min");
    }

    [Theory]
    [InlineData("/telemetry")]
    [InlineData("/training")]
    [InlineData("/system")]
    public async Task A_first_visit_is_light_and_says_that_the_api_is_away(string path)
    {
        await using Visit visit = await OpenAsync(null);
        double bytes = await visit.CountBytesAsync(async () =>
        {
            await visit.OpenAsync(path);
            await Expect(visit.Marked("error-state").First).ToBeVisibleAsync(new() { Timeout = 30_000 });
        });

        double? paint = await visit.Page.EvaluateAsync<double?>("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
        TestContext.Current.TestOutputHelper?.WriteLine(
            string.Create(CultureInfo.InvariantCulture, $"{path}: {bytes / 1024:0} KiB, first contentful paint after {paint:0} ms"));
        Assert.InRange(bytes, 1024, MostKiB * 1024);
    }

    public async ValueTask InitializeAsync()
    {
        if (BuiltStack.BrowserObstacle is null)
        {
            await _server.StartAsync();
        }
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task<Visit> OpenAsync(string? path)
    {
        Assert.SkipWhen(BuiltStack.BrowserObstacle is not null, BuiltStack.BrowserObstacle ?? "");
        Visit visit = await Visit.StartAsync(start.Browser, _server.Address);
        if (path is not null)
        {
            await visit.OpenAsync(path);
        }

        return visit;
    }
}
