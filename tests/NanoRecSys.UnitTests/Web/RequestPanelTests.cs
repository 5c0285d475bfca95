using Bunit;
using Microsoft.AspNetCore.Components;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class RequestPanelTests : BunitContext
{
    private static readonly RecommendationsResponse Live = new()
    {
        Items = [Films.Recommended(Films.Matrix, 0.9f)],
        DebugTiming = new DebugTiming { TotalMs = 9.15 },
        RequestId = "req-1",
        ServedFromCache = false,
        Mode = "live",
        Version = "3f9a1c07be52",
        Stages = [new("cache.get", 0, 0.5), new("encode", 0.5, 8)],
    };

    [Fact]
    public void It_shows_the_request_the_model_and_the_mode()
    {
        var panel = Show(Live);

        Assert.Equal("req-1", panel.Find("[data-testid=request-id]").TextContent);
        Assert.Equal("3f9a1c07be52", panel.Find("[data-testid=model-version]").TextContent);
        Assert.Equal("live", panel.Find("[data-testid=mode-badge]").TextContent);
        Assert.Contains("9.15 ms", panel.Find(".summary").TextContent, StringComparison.Ordinal);
        Assert.Equal(2, panel.FindAll("[data-testid=timing-waterfall] .row").Count);
    }

    [Fact]
    public void An_answer_of_the_cache_says_so()
    {
        var panel = Show(Live with { ServedFromCache = true, DebugTiming = new DebugTiming { Source = "cache" }, Stages = [new("cache.get", 0, 0.25)] });

        Assert.Equal("from the cache", panel.Find("[data-testid=mode-badge]").TextContent);
        Assert.Contains("0.25 ms", panel.Find(".summary").TextContent, StringComparison.Ordinal);
        Assert.Contains("Served from the cache", panel.Find(".cached").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void A_fallback_gives_its_reason()
    {
        var panel = Show(Live with { Mode = "degraded", DebugTiming = new DebugTiming { FallbackReason = "User 9 is unknown." } });

        Assert.Contains("User 9 is unknown.", panel.Find("[data-testid=warning-state]").TextContent, StringComparison.Ordinal);
    }

    private IRenderedComponent<RequestPanel> Show(RecommendationsResponse response) =>
        Render<RequestPanel>(parameters => parameters.Add(panel => panel.Response, response));
}

public sealed class NewVersionTests : BunitContext
{
    [Fact]
    public void A_version_served_since_the_list_was_loaded_is_offered_until_it_is_reloaded()
    {
        const string first = "request-1";
        IRenderedComponent<CascadingValue<string>> page = Show("3f9a1c07be52", first);
        Assert.Empty(page.FindAll("[data-testid=new-version]"));

        page.Render(parameters => Fill(parameters, "860b3080f388", first));
        Assert.Contains("Another model version is served now.", page.Find("[data-testid=new-version]").TextContent, StringComparison.Ordinal);

        page.Render(parameters => Fill(parameters, "860b3080f388", "request-2"));
        Assert.Empty(page.FindAll("[data-testid=new-version]"));
    }

    [Fact]
    public void A_list_that_came_before_the_first_reading_of_the_status_is_compared_with_that()
    {
        const string answer = "request-1";
        IRenderedComponent<CascadingValue<string>> page = Show(null, answer);

        page.Render(parameters => Fill(parameters, "3f9a1c07be52", answer));

        Assert.Empty(page.FindAll("[data-testid=new-version]"));
    }

    private IRenderedComponent<CascadingValue<string>> Show(string? served, string answer) =>
        Render<CascadingValue<string>>(parameters => Fill(parameters, served, answer));

    private static void Fill(ComponentParameterCollectionBuilder<CascadingValue<string>> parameters, string? served, string answer) => parameters
        .Add(value => value.Name, "ServedVersion").Add(value => value.Value, served)
        .AddChildContent<NewVersion>(note => note.Add(shown => shown.Answered, "3f9a1c07be52").Add(shown => shown.Answer, answer));
}
