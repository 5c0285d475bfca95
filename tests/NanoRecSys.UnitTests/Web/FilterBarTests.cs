using Bunit;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class FilterBarTests : BunitContext
{
    private ListOptions? _chosen;

    [Fact]
    public void It_offers_what_the_catalog_has()
    {
        IRenderedComponent<FilterBar> bar = Show(new ListOptions());

        bar.Find("[data-testid=filters-toggle]").Click();

        Assert.Equal(["Action", "Sci-Fi", "Thriller"], bar.FindAll("[data-testid=category-choice]").Select(choice => choice.TextContent.Trim()));
        Assert.Equal("1977", bar.Find("[data-testid=year-from]").GetAttribute("placeholder"));
        Assert.Equal(["any", "Dove (2)"], bar.FindAll("[data-testid=brand-is] option").Select(option => option.TextContent));
    }

    [Fact]
    public void A_reversed_range_means_the_same_values()
    {
        IRenderedComponent<FilterBar> bar = Show(new ListOptions().With("year", ">=", "1995"));
        bar.Find("[data-testid=filters-toggle]").Click();

        bar.Find("[data-testid=year-to]").Change("985");

        Assert.Equal(("985", "1995"), (_chosen!.ValueOf("year", ">="), _chosen.ValueOf("year", "<=")));
    }

    [Fact]
    public void A_filter_is_removed_by_its_tag()
    {
        IRenderedComponent<FilterBar> bar = Show(new ListOptions { Categories = ["Action"], Where = [new Condition("brand", "=", "Dove")] });
        Assert.Equal(["Action", "brand: Dove"], bar.FindAll("[data-testid=filter-tag]").Select(tag => tag.TextContent));

        bar.FindAll("[data-testid=filter-tag]")[1].Click();

        Assert.Equal(new ListOptions { Categories = ["Action"] }, _chosen);
    }

    [Fact]
    public void The_most_common_of_many_categories_are_shown_until_all_are_requested()
    {
        CatalogOverview many = Films.Catalog with { Categories = [.. Enumerable.Range(0, 60).Select(place => new ValueCount($"tag {place}", 60 - place))] };
        IRenderedComponent<FilterBar> bar = Show(new ListOptions { Categories = ["tag 59"] }, many);
        bar.Find("[data-testid=filters-toggle]").Click();
        Assert.Equal(25, bar.FindAll("[data-testid=category-choice]").Count); // including the chosen one

        bar.Find(".more").Click();

        Assert.Equal(60, bar.FindAll("[data-testid=category-choice]").Count);
    }

    private IRenderedComponent<FilterBar> Show(ListOptions options, CatalogOverview? catalog = null) => Render<FilterBar>(parameters => parameters
        .AddCascadingValue(catalog ?? Films.Catalog)
        .Add(bar => bar.ListOptions, options)
        .Add(bar => bar.ListOptionsChanged, changed => _chosen = changed));
}
