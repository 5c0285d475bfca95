using Bunit;
using Microsoft.AspNetCore.Components;
using NanoRecSys.Client;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.UnitTests.Web;

public sealed class LivePanelTests : BunitContext
{
    public LivePanelTests() => SetRendererInfo(new RendererInfo("Server", isInteractive: true));

    [Theory]
    [InlineData(false, ApiFailure.Away, 1)]
    [InlineData(true, ApiFailure.Away, 0)] // the page shows it once for all its panels
    [InlineData(true, ApiFailure.Refused, 1)]
    public void The_reason_for_missing_data_is_shown_unless_the_page_shows_it(bool quiet, ApiFailure failure, int notices)
    {
        var feed = new LiveFeed<string>(_ => throw new ApiException(failure, "It did not come."), _ => TimeSpan.FromHours(1), TimeProvider.System);

        IRenderedComponent<LivePanel<string>> panel = Render<LivePanel<string>>(parameters => parameters
            .Add(panel => panel.Feed, feed)
            .Add(panel => panel.Height, "1rem")
            .Add(panel => panel.Quiet, quiet)
            .Add(panel => panel.ChildContent, (string value) => value));

        Assert.Equal(notices, panel.FindAll("[data-testid=error-state]").Count);
        Assert.Empty(panel.FindAll("[aria-busy]")); // nothing is loading
    }
}

public sealed class LiveTests : BunitContext
{
    [Theory]
    [InlineData(false, 0, "waits")]
    [InlineData(true, 1, "value")]
    public void A_page_asks_the_api_once_it_is_interactive_and_not_while_it_is_prerendered(bool isInteractive, int reads, string shown)
    {
        int calls = 0;
        var feed = new LiveFeed<string>(
            _ =>
            {
                calls++;
                return Task.FromResult("value");
            },
            _ => TimeSpan.FromHours(1), TimeProvider.System);
        SetRendererInfo(new RendererInfo("Server", isInteractive));

        IRenderedComponent<Live<string>> live = Render<Live<string>>(parameters => parameters
            .Add(live => live.Feed, feed)
            .Add(live => live.ChildContent, (Reading<string> reading) => reading.Value ?? "waits"));

        live.WaitForAssertion(() => Assert.Equal(shown, live.Markup));
        Assert.Equal(reads, calls);
    }
}
