using System.Net;
using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Components.Taste;

namespace NanoRecSys.UnitTests.Web;

public sealed class TasteBoardTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi()
        .On("GET /items", new ItemList([Films.StarWars, Films.Matrix]))
        .On("POST /recommendations", Films.List(Films.Seven));

    public TasteBoardTests() => Services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddSingleton(_api.Client());

    [Fact]
    public void Its_films_are_sent_and_shown()
    {
        IRenderedComponent<TasteBoard> board = Show(260, 2571);

        board.WaitForAssertion(() => Assert.Single(board.FindAll("[data-testid=recommendation-card]")));
        Assert.Contains("\"session\":[{\"item_id\":260},{\"item_id\":2571}]", _api.Requests.Single(request => request.Call == "POST /recommendations").Body, StringComparison.Ordinal);
        Assert.Equal(["Star Wars: Episode IV - A New Hope", "The Matrix"], board.FindAll("[data-testid=taste-chip] a").Select(name => name.TextContent));
        Assert.Equal("Recommendations: 1, from 2 picks.", board.Find("[data-testid=taste-status]").TextContent);
    }

    [Fact]
    public void While_the_list_is_loading_placeholders_for_items_and_names_are_shown()
    {
        _api.Holds("POST /recommendations");
        _api.Holds("GET /items");

        IRenderedComponent<TasteBoard> board = Show(260);

        Assert.Equal("true", board.Find("[data-testid=recommendations]").GetAttribute("aria-busy"));
        Assert.Equal("260", board.Find("[data-testid=taste-chip] a").TextContent);
    }

    [Fact]
    public void A_failure_is_shown_and_a_retry_loads_the_list()
    {
        _api.Fails("POST /recommendations", HttpStatusCode.InternalServerError, "The index is unavailable.");
        IRenderedComponent<TasteBoard> board = Show(260);
        board.WaitForAssertion(() => Assert.Contains("The index is unavailable.", board.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal));

        _api.On("POST /recommendations", Films.List(Films.Seven));
        board.Find("[data-testid=error-state] button").Click();

        board.WaitForAssertion(() => Assert.Single(board.FindAll("[data-testid=recommendation-card]")));
    }

    private IRenderedComponent<TasteBoard> Show(params EntityId[] movies) => Render<TasteBoard>(parameters => parameters.Add(board => board.ItemIds, movies));
}

public sealed class TastePageTests
{
    [Fact]
    public void An_address_names_films_in_order_and_each_once() => Assert.Equal([260, EntityId.Of("B00-x,1"), 7], TastePage.Ids("260,B00-x%2C1,260,,7"));

    [Fact]
    public void An_address_without_films_names_none() => Assert.Empty(TastePage.Ids(null));
}
