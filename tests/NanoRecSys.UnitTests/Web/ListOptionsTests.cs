using Bunit;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class ListOptionsTests
{
    [Fact]
    public void An_address_contains_all_options()
    {
        ListOptions options = ListOptions.Parse("20", "Comedy, Drama", "Horror", ["year>=1980", "year<=1999", "brand=Dove & Co", "no condition", "=x"], "0.3");

        ItemFilterRequest filter = options.Filter(Films.Catalog)!;
        Assert.Equal((20, 0.3), (options.Count, options.Diversity));
        Assert.Equal(["Comedy", "Drama"], filter.CategoriesAny);
        Assert.Equal(["Horror"], filter.CategoriesNone);
        Assert.Equal(
            ["year >= 1980", "year <= 1999", "brand = \"Dove \\u0026 Co\""],
            filter.Where!.Select(condition => $"{condition.Field} {condition.Op} {condition.Value!.ToJsonString()}"));
    }

    [Fact]
    public void The_options_are_read_back_from_the_address()
    {
        ListOptions options = new()
        {
            Count = 50,
            Categories = ["Sci-Fi", "Hair, Skin & 100% Nails"],
            Without = ["War", "Western"],
            Where = [new Condition("year", "<=", "1990"), new Condition("description", "~", "a=b")],
            Diversity = 0.7,
        };

        Dictionary<string, object?> query = options.ToQuery();

        Assert.Equal("War,Western", query["without"]);
        Assert.Equal(options, ListOptions.Parse($"{query["k"]}", $"{query["categories"]}", $"{query["without"]}", (string[])query["where"]!, $"{query["diversity"]}"));
    }

    [Fact]
    public void Without_any_the_address_stays_bare_and_nothing_is_filtered()
    {
        ListOptions none = ListOptions.Parse(null, null, null, null, null);

        Assert.All(none.ToQuery().Values, Assert.Null);
        Assert.Null(none.Filter(null));
    }

    [Theory]
    [InlineData("many", 10)]
    [InlineData("0", 1)]
    [InlineData("5000", 100)]
    public void An_invalid_count_becomes_a_valid_one(string count, int expected) =>
        Assert.Equal(expected, ListOptions.Parse(count, null, null, ["long ago"], "a lot").Count);

    [Fact]
    public void A_category_cycles_through_any_wanted_and_unwanted()
    {
        ListOptions wanted = CategoryPicker.Turn(new ListOptions(), "War");
        ListOptions unwanted = CategoryPicker.Turn(wanted, "War");

        Assert.Equal(["War"], wanted.Categories);
        Assert.Empty(unwanted.Categories);
        Assert.Equal(["War"], unwanted.Without);
        Assert.Equal(new ListOptions(), CategoryPicker.Turn(unwanted, "War"));
    }

    [Fact]
    public void A_condition_is_changed_by_its_field_and_operator_and_removed_by_an_empty_value()
    {
        ListOptions from = new ListOptions().With("year", ">=", "1980").With("year", "<=", "1990").With("Year", ">=", "1985");

        Assert.Equal(["year<=1990", "Year>=1985"], from.Where.Select(condition => condition.ToString()));
        Assert.Equal(["Year>=1985"], from.With("year", "<=", "").Where.Select(condition => condition.ToString()));
    }
}

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
