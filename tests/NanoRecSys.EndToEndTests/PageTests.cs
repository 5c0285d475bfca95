using System.Reflection;
using System.Text.RegularExpressions;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.AspNetCore.Components;

namespace NanoRecSys.EndToEndTests;

public sealed class PageTests(FirstStart start)
{
    private const double MaxShift = 0.1; // "good" by https://web.dev/articles/cls
    private const int MaxKiB = 1_000; // The explore page includes the map of films.

    // A full report describes every element that passed, which takes longer than the checks.
    private static readonly AxeRunOptions OnlyViolations = new() { ResultTypes = [ResultType.Violations] };

    private static readonly (string Name, Screen Screen)[] Screens =
    [
        ("1440-light", Screen.Desktop), ("1440-dark", Screen.Desktop.Dark), ("820-light", Screen.Tablet), ("820-dark", Screen.Tablet.Dark),
        ("390-light", Screen.Phone), ("390-dark", Screen.Phone.Dark),
    ];

    public static TheoryData<string, string, string> Pages { get; } = new()
    {
        // name, path, test id that appears with the content
        { "recommend", "/", "recommendation-card" },
        { "recommend-filtered", "/?categories=Comedy&without=Horror&where=year%3E%3D1980&diversity=0.4", "recommendation-card" },
        { "taste-empty", "/taste", "taste-suggestion" },
        { "taste", "/taste?items=260,1196,2571", "recommendation-card" },
        { "explore", "/explore", "map-drawn" },
        { "item", "/item/260", "audience-member" },
        { "user", "/user/15", "user-list-item" },
        { "data", "/data", "over-time" },
        { "events", "/events", "events" },
        { "rules", "/rules", "add-rule" },
        { "telemetry", "/telemetry", "telemetry-stage-row" },
        { "training", "/training", "training-step" },
        { "system", "/system", "manifest-model" },
        { "docs", "/docs", "document" },
    };

    // A focused element is marked by its own outline, or by the highlight of its poster or search field.
    private const string Marked = """
        const marked = element => {
          const ringed = each => getComputedStyle(each).outlineStyle !== 'none' && parseFloat(getComputedStyle(each).outlineWidth) > 0;
          const search = element.closest('.search'), poster = element.closest('.poster');
          return ringed(element) || (poster && ringed(poster)) || (search && getComputedStyle(search).boxShadow !== 'none');
        };
        """;

    /// <summary>New pages must be added to <see cref="Pages"/>.</summary>
    [Fact]
    public void Every_route_is_among_the_tested_pages()
    {
        Assert.SkipWhen(BuiltStack.Obstacle is not null, BuiltStack.Obstacle ?? "");
        string[] routes = [.. Assembly.LoadFrom(BuiltStack.Web).GetTypes().SelectMany(type => type.GetCustomAttributes<RouteAttribute>()).Select(route => route.Template)];
        Assert.Contains("/training", routes);

        Assert.All(routes.Except(["/error", "/not-found"]), route => Assert.Contains(
            Pages, page => Regex.IsMatch(page.Data.Item2.Split('?')[0], $"^{Regex.Replace(route, @"/\{[^}]*\}", "(/.+)?")}$")));
    }

    /// <summary>
    /// One visit per screen, with a cold cache, checks everything that needs only an open page: each visit takes two to three seconds.
    /// The output is the table in docs/benchmark.md: times are reported, not tested.
    /// </summary>
    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Each_page_opens_without_errors_jumps_sideways_scrolling_or_accessibility_violations(string name, string path, string marker)
    {
        BuiltStack.RequireBrowser();
        foreach ((string screenName, Screen screen) in Screens)
        {
            await using Visit visit = await Visit.StartAsync(start.Browser, start.Address, screen);
            double kib = await visit.CountBytesAsync(() => visit.OpenAsync(path)) / 1024;
            double interactive = await visit.Page.EvaluateAsync<double>("performance.now()");
            await Expect(visit.Marked(marker).First).ToBeAttachedAsync();
            double shift = await visit.ReadLayoutShiftAsync();
            await visit.Page.ScreenshotAsync(new()
            {
                Path = Path.Combine(BuiltStack.Screenshots, $"{name}-{screenName}.png"),
                FullPage = true,
            });

            double? paint = await visit.Page.EvaluateAsync<double?>("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
            TestContext.Current.TestOutputHelper?.WriteLine(
                $"{name} on {screenName}: painted after {paint:0} ms, interactive after {interactive:0} ms, {kib:0} KiB");
            int overflow = await visit.Page.EvaluateAsync<int>("document.documentElement.scrollWidth - document.documentElement.clientWidth");
            Assert.True(overflow <= 0, $"{name} is {overflow} px too wide on {screenName}.");
            Assert.Equal(0, await visit.Page.EvaluateAsync<int>("[...document.querySelectorAll('canvas')].filter(map => map.clientHeight > map.parentElement.clientHeight).length"));
            Assert.True(shift <= MaxShift, $"{name} moves by {shift:0.000} on {screenName}, at most {MaxShift} is allowed:\n{await visit.DescribeLayoutShiftsAsync()}");
            Assert.InRange(kib, 1, MaxKiB);
            Assert.Empty(visit.Errors);
            Assert.Empty(visit.ForeignRequests);
            Assert.Equal(0, await visit.Page.Locator("iframe, frame").CountAsync());
            Assert.Matches(@"^\S.* · NanoRecSys$", await visit.Page.TitleAsync());
            await RequireAccessibleAsync(visit, $"{name} on {screenName}");
        }
    }

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Every_keyboard_stop_has_a_visible_focus_and_no_width_scrolls_sideways(string name, string path, string marker)
    {
        await using Visit visit = await start.OpenAsync(path);
        await Expect(visit.Marked(marker).First).ToBeAttachedAsync();
        foreach (int width in new[] { 320, 360, 390, 600, 768, 820, 1024, 1280, 1440, 1920 })
        {
            await visit.Page.SetViewportSizeAsync(width, 900);
            string tooWide = await visit.Page.EvaluateAsync<string>("""
                () => document.documentElement.scrollWidth <= document.documentElement.clientWidth ? '' : [...document.querySelectorAll('main *')]
                  .filter(element => element.getBoundingClientRect().right > document.documentElement.clientWidth)
                  .map(element => element.outerHTML.slice(0, 100)).join('\n') || 'outside of main'
                """);
            Assert.True(tooWide.Length == 0, $"{name} is too wide at {width} px:\n{tooWide}");
        }

        string address = visit.Page.Url;
        List<string> stops = [];
        for (int i = 0; i < 60; i++)
        {
            await visit.Page.Keyboard.PressAsync("Tab");
            string? stop = await visit.Page.EvaluateAsync<string?>("() => {" + Marked + """
                  const at = document.activeElement;
                  if (!at || at === document.body) return ''; // between the end of the page and its beginning
                  if (at === window.firstStop) return null;
                  window.firstStop ??= at;
                  return (marked(at) ? 'visible ' : 'HIDDEN ') + at.outerHTML.slice(0, 160);
                }
                """);
            if (stop is null)
            {
                break;
            }

            stops.AddRange(stop.Length > 0 ? [stop] : Array.Empty<string>());
        }

        Assert.True(stops.Count >= 5, $"{name}: the keyboard reaches only {stops.Count} elements.");
        Assert.DoesNotContain(stops, stop => stop.StartsWith("HIDDEN", StringComparison.Ordinal));
        // All elements, focused by script: after a key press, that focus is as visible as one set by Tab.
        Assert.Equal("", await visit.Page.EvaluateAsync<string>("async () => {" + Marked + """
              const hidden = [];
              for (const element of document.querySelectorAll('a[href], button:enabled, input:enabled, select:enabled, summary, [tabindex="0"]')) {
                element.focus({ preventScroll: true });
                if (document.activeElement === element && !marked(element)) {
                  await new Promise(requestAnimationFrame);
                  await new Promise(requestAnimationFrame);
                  if (document.activeElement === element && !marked(element)) hidden.push(element.outerHTML.slice(0, 160));
                }
              }
              return hidden.join('\n');
            }
            """));
        Assert.Equal(address, visit.Page.Url); // Tab activates nothing.
    }

    [Theory]
    [InlineData("item-not-there", "/item/99999999", "error-state")]
    [InlineData("user-not-there", "/user/nobody", "history")]
    [InlineData("document-not-there", "/docs/none.md", "error-state")]
    [InlineData("page-not-there", "/no/such/page", "nav-system")]
    public async Task A_missing_page_is_an_accessible_404(string name, string path, string marker)
    {
        BuiltStack.RequireBrowser();
        foreach (Screen screen in new[] { Screen.Desktop, Screen.Phone.Dark })
        {
            await using Visit visit = await Visit.StartAsync(start.Browser, start.Address, screen);
            Assert.Equal(404, (await visit.Page.APIRequest.GetAsync(path)).Status);
            await visit.OpenAsync(path);
            await Expect(visit.Marked(marker).First).ToBeAttachedAsync();
            await RequireAccessibleAsync(visit, $"{name} on {screen}");
        }
    }

    [Fact]
    public async Task The_theme_toggle_turns_the_page_dark()
    {
        await using Visit visit = await start.OpenAsync("/");
        string light = await BackgroundAsync(visit);
        await visit.Marked("theme-toggle").ClickAsync();
        await Expect(visit.Page.Locator("body")).Not.ToHaveCSSAsync("background-color", light);
    }

    private static async Task RequireAccessibleAsync(Visit visit, string what)
    {
#pragma warning disable CS0618 // RunAxe opens a second page and takes three times as long; legacy mode ignores frames, and there are none.
        AxeResult result = await visit.Page.RunAxeLegacy(null, OnlyViolations);
#pragma warning restore CS0618
        Assert.True(result.Passes.Length > 10, $"{what}: axe checked almost nothing.");
        Assert.Empty(result.Violations
            .Select(violation => $"{what}: {violation.Id}, {violation.Help}, at {string.Join(", ", violation.Nodes.Select(node => node.Html))}"));
    }

    private static Task<string> BackgroundAsync(Visit visit) =>
        visit.Page.EvaluateAsync<string>("getComputedStyle(document.body).backgroundColor");
}
