using Bunit;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.UnitTests.Web;

public sealed class NoticeTests : BunitContext
{
    [Fact]
    public async Task An_error_is_an_alert_with_its_text_and_a_way_to_try_again()
    {
        int retries = 0;
        var notice = Render<Notice>(parameters => parameters
            .Add(component => component.Kind, "error")
            .Add(component => component.Title, "No recommendations this time")
            .Add(component => component.Text, "The API does not answer.")
            .Add(component => component.OnRetry, () => retries++));

        await notice.Find("button").ClickAsync();

        Assert.Equal("alert", notice.Find("[data-testid=error-state]").GetAttribute("role"));
        Assert.Equal("The API does not answer.", notice.Find(".text").TextContent);
        Assert.Equal(1, retries);
    }

    [Fact]
    public void An_empty_state_offers_nothing_to_retry()
    {
        var notice = Render<Notice>(parameters => parameters.Add(component => component.Title, "No requests yet"));

        Assert.Equal("status", notice.Find("[data-testid=empty-state]").GetAttribute("role"));
        Assert.Empty(notice.FindAll("button"));
    }
}
