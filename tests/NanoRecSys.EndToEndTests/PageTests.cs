using NanoRecSys.EndToEndTests.Fixtures;
using static Microsoft.Playwright.Assertions;

namespace NanoRecSys.EndToEndTests;

[Collection(SharedFirstStart.Name)]
public sealed class PageTests(FirstStart start)
{
    public static TheoryData<string, string, string> Pages { get; } = new()
    {
        // name, path, what shows that its content has come
        { "recommend", "/", "recommendation-card" },
        { "telemetry", "/telemetry", "telemetry-stage-row" },
        { "training", "/training", "training-step" },
        { "system", "/system", "manifest-model" },
    };

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Each_page_opens_without_errors_and_without_scrolling_sideways(string name, string path, string marker)
    {
        Assert.SkipWhen(BuiltStack.BrowserObstacle is not null, BuiltStack.BrowserObstacle ?? "");
        (string Name, Screen Screen)[] screens =
        [
            ("desktop-light", Screen.Desktop), ("desktop-dark", Screen.Desktop.Dark),
            ("phone-light", Screen.Phone), ("phone-dark", Screen.Phone.Dark),
        ];
        foreach ((string screenName, Screen screen) in screens)
        {
            await using Visit visit = await Visit.StartAsync(start.Browser, start.Address, screen);
            await visit.OpenAsync(path);
            await Expect(visit.Marked(marker).First).ToBeAttachedAsync(new() { Timeout = 15_000 });
            await visit.Page.ScreenshotAsync(new()
            {
                Path = Path.Combine(BuiltStack.Screenshots, $"{name}-{screenName}.png"),
                FullPage = true,
            });

            int overflow = await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            Assert.True(overflow <= 0, $"{name} is {overflow} px too wide on {screenName}.");
            Assert.Empty(visit.Errors);
            Assert.Empty(visit.ForeignRequests);
        }
    }

    [Fact]
    public async Task The_theme_toggle_turns_the_page_dark()
    {
        Assert.SkipWhen(BuiltStack.BrowserObstacle is not null, BuiltStack.BrowserObstacle ?? "");
        await using Visit visit = await Visit.StartAsync(start.Browser, start.Address);
        await visit.OpenAsync("/");
        string light = await BackgroundAsync(visit);
        await visit.Marked("theme-toggle").ClickAsync();
        await Expect(visit.Page.Locator("body")).Not.ToHaveCSSAsync("background-color", light);
    }

    private static Task<string> BackgroundAsync(Visit visit) =>
        visit.Page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor");
}
