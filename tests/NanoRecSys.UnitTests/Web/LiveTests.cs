using Bunit;
using Microsoft.AspNetCore.Components;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.UnitTests.Web;

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
