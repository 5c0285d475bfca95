using AngleSharp.Dom;
using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Components.Elements;

namespace NanoRecSys.UnitTests.Web;

public sealed class ItemSearchTests : BunitContext
{
    private readonly FakeApi _api = new();
    private readonly List<ItemInfo> _chosen = [];

    public ItemSearchTests() => Services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddSingleton(_api.On("GET /items", new ItemList([Films.StarWars, Films.Matrix, Films.Seven])).Client());

    [Fact]
    public void Typing_opens_the_list_with_the_first_film_as_the_active_one()
    {
        IRenderedComponent<ItemSearch> search = Typed("star");

        Assert.Equal("?query=star&limit=8", _api.Requests.Single().Query);
        Assert.Equal("true", Box(search).GetAttribute("aria-expanded"));
        Assert.Equal(["Star Wars: Episode IV - A New Hope", "The Matrix", "Seven"], search.FindAll("[role=option] b").Select(title => title.TextContent));
        Assert.Equal(0, Active(search));
    }

    [Theory]
    [InlineData(1, "ArrowDown")]
    [InlineData(2, "ArrowDown", "ArrowDown")]
    [InlineData(0, "ArrowDown", "ArrowDown", "ArrowDown")] // from the last to the first
    [InlineData(2, "ArrowUp")] // and back
    [InlineData(0, "ArrowDown", "ArrowUp")]
    public void Arrows_move_the_active_film_round_the_list(int expected, params string[] keys)
    {
        IRenderedComponent<ItemSearch> search = Typed("s");

        foreach (string key in keys)
        {
            Box(search).KeyDown(key);
        }

        Assert.Equal(expected, Active(search));
        Assert.Equal(search.FindAll("[role=option]")[expected].Id, Box(search).GetAttribute("aria-activedescendant"));
    }

    [Fact]
    public void Escape_closes_the_list_without_a_choice_and_enter_then_does_nothing()
    {
        IRenderedComponent<ItemSearch> search = Typed("s");

        Box(search).KeyDown("Escape");
        AssertClosed(search);
        Box(search).KeyDown("Enter");

        Assert.Empty(_chosen);
    }

    [Fact]
    public void While_films_are_loading_it_says_so_and_enter_chooses_nothing()
    {
        TaskCompletionSource<object> answer = _api.Holds("GET /items");
        IRenderedComponent<ItemSearch> search = Typed("s");

        Assert.Equal("true", search.Find("[role=listbox]").GetAttribute("aria-busy"));
        Assert.Equal("Searching …", search.Find("[role=option]").TextContent);
        Box(search).KeyDown("Enter");
        answer.SetResult(new ItemList([Films.Matrix]));

        search.WaitForAssertion(() => Assert.Equal(["The Matrix"], search.FindAll("[role=option] b").Select(title => title.TextContent)));
        Assert.Equal("false", search.Find("[role=listbox]").GetAttribute("aria-busy"));
        Assert.Empty(_chosen);
    }

    [Theory]
    [InlineData(1, "ArrowDown", "ArrowDown")] // Seven was third and is now second
    [InlineData(0)] // no arrow was pressed: the first is the best answer
    [InlineData(0, "ArrowDown")] // The Matrix is no longer in the list
    public void The_active_film_stays_active_as_more_letters_are_typed(int expected, params string[] keys)
    {
        IRenderedComponent<ItemSearch> search = Typed("s");
        foreach (string key in keys)
        {
            Box(search).KeyDown(key);
        }

        _api.On("GET /items", new ItemList([Films.StarWars, Films.Seven]));
        Box(search).Input("se");

        Assert.Equal("Items found for se", search.Find("[role=listbox]").GetAttribute("aria-label"));
        Assert.Equal(expected, Active(search));
    }

    private static IElement Box(IRenderedComponent<ItemSearch> search) => search.Find("[role=combobox]");

    private static int Active(IRenderedComponent<ItemSearch> search) =>
        search.FindAll("[role=option]").ToList().FindIndex(option => option.GetAttribute("aria-selected") == "true");

    private static void AssertClosed(IRenderedComponent<ItemSearch> search)
    {
        Assert.Equal("false", Box(search).GetAttribute("aria-expanded"));
        Assert.Equal("", Box(search).GetAttribute("value"));
    }

    private IRenderedComponent<ItemSearch> Show() => Render<ItemSearch>(parameters => parameters.Add(search => search.OnChosen, _chosen.Add));

    private IRenderedComponent<ItemSearch> Typed(string text)
    {
        IRenderedComponent<ItemSearch> search = Show();
        Box(search).Input(text);
        return search;
    }
}
