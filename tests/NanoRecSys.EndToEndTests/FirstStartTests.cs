using Microsoft.Playwright;
using NanoRecSys.EndToEndTests.Fixtures;
using static Microsoft.Playwright.Assertions;

namespace NanoRecSys.EndToEndTests;

public sealed class FirstStartTests(FirstStart start)
{
    [Fact]
    public void The_page_shows_the_training_until_there_is_a_model()
    {
        RequireBrowser();
        Assert.NotEmpty(start.TrainingText);
    }

    [Fact]
    public void Watching_a_training_become_recommendations_leaves_no_error_in_the_console()
    {
        RequireBrowser();
        Assert.Empty(start.ErrorsMeanwhile);
    }

    [Fact]
    public void Nothing_is_requested_from_another_host()
    {
        RequireBrowser();
        Assert.Empty(start.FirstVisit.ForeignRequests);
    }

    [Fact]
    public async Task Cards_carry_titles_and_scores()
    {
        RequireBrowser();
        await using Visit visit = await Visit.StartAsync(start.Browser, start.Address);
        await visit.OpenAsync("/");
        ILocator card = visit.Marked("recommendation-card").First;
        await Expect(card.Locator("[data-testid=title]")).Not.ToBeEmptyAsync();
        await Expect(card.Locator("[data-testid=score]")).Not.ToBeEmptyAsync();
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_request_that_the_page_made_is_on_the_telemetry_page_with_its_stages()
    {
        RequireBrowser();
        await using Visit visit = await Visit.StartAsync(start.Browser, start.Address);
        await visit.OpenAsync("/");
        await Expect(visit.Marked("timing-waterfall").First).ToBeVisibleAsync();
        string requestId = (await visit.Marked("request-id").First.InnerTextAsync()).Trim();

        await visit.OpenAsync("/telemetry?order=newest"); // the slowest come first otherwise, and this one may be quick
        await Expect(visit.Marked("telemetry-stage-row").First).ToBeVisibleAsync();
        ILocator request = visit.Page.Locator($"[data-testid=telemetry-request][data-request='{requestId}']");
        await request.Locator("button").ClickAsync();
        await Expect(request.Locator("[data-testid=trace-waterfall]")).ToBeVisibleAsync();
        Assert.Empty(visit.Errors);
    }

    private static void RequireBrowser() => Assert.SkipWhen(BuiltStack.BrowserObstacle is not null, BuiltStack.BrowserObstacle ?? "");
}
