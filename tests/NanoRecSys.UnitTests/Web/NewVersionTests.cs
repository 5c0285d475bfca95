using Bunit;
using Microsoft.AspNetCore.Components;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

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
