using System.Net;
using AngleSharp.Dom;
using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Elements;
using NanoRecSys.Web.Components.Recommend;

namespace NanoRecSys.UnitTests.Web;

public sealed class RecommendBoardTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi()
        .On("GET /users", new UserList(2, [new UserSummary(7, 40), new UserSummary(8, 60)]))
        .On("GET /users/7/history", new UserHistoryResponse(7, 40, [Films.Seven]))
        .On("POST /recommendations", Films.List(Films.StarWars, Films.Matrix));

    public RecommendBoardTests()
    {
        Services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        JSInterop.Mode = JSRuntimeMode.Loose;
    }

    [Fact]
    public void While_the_list_is_loading_placeholders_are_shown()
    {
        TaskCompletionSource<object> answer = _api.Holds("POST /recommendations");

        IRenderedComponent<RecommendBoard> board = Show(7);

        Assert.Equal("true", board.Find("[data-testid=recommendations]").GetAttribute("aria-busy"));
        Assert.Equal(10, board.FindAll("[data-testid=recommendations] [role=listitem]").Count);
        answer.SetResult(Films.List(Films.Matrix));
        board.WaitForAssertion(() => Assert.Single(board.FindAll("[data-testid=recommendation-card]")));
    }

    [Fact]
    public void An_empty_list_says_why()
    {
        _api.On("POST /recommendations", Films.List());

        IRenderedComponent<RecommendBoard> board = Show(7, new ListOptions { Categories = ["Western"] });

        board.WaitForAssertion(() => Assert.Contains("Everything that matches is already in the history. Remove a filter.", board.Find("[data-testid=empty-state]").TextContent, StringComparison.Ordinal));
    }

    [Fact]
    public void A_failure_is_shown_and_a_retry_loads_the_list()
    {
        _api.Fails("POST /recommendations", HttpStatusCode.InternalServerError, "The index is unavailable.");
        IRenderedComponent<RecommendBoard> board = Show(7);
        board.WaitForAssertion(() => Assert.Contains("The index is unavailable.", board.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal));

        _api.On("POST /recommendations", Films.List(Films.Matrix));
        board.Find("[data-testid=error-state] button").Click();

        board.WaitForAssertion(() => Assert.Single(board.FindAll("[data-testid=recommendation-card]")));
        Assert.Empty(board.FindAll("[data-testid=error-state]"));
    }

    [Fact]
    public void A_watched_film_is_stored_with_the_configured_key_and_the_list_reloaded()
    {
        _api.On("POST /events", new EventReceipt(1, 0, [], "request-2"));
        IRenderedComponent<RecommendBoard> board = ShowLoaded("open sesame");

        _api.On("POST /recommendations", Films.List(Films.Matrix, Films.Seven));
        FirstAction(board).Click();

        board.WaitForAssertion(() => Assert.Contains("1 new recommendation.", board.Find("[data-testid=watched-note]").TextContent, StringComparison.Ordinal));
        FakeRequest stored = _api.Requests.Single(request => request.Call == "POST /events");
        Assert.Equal("open sesame", stored.Key);
        Assert.StartsWith("""{"user_id":7,"item_id":260,"type":"view",""", stored.Body, StringComparison.Ordinal);
        Assert.All(_api.Requests.Where(request => request.Call != "POST /events"), request => Assert.Null(request.Key)); // reads need no key
    }

    [Theory]
    [InlineData(null, HttpStatusCode.Unauthorized, "none is configured. Set Api:WriteKey of NanoRecSys.Web")]
    [InlineData("an old one", HttpStatusCode.Unauthorized, "refuses the configured key. Api:WriteKey of NanoRecSys.Web")]
    [InlineData("an old one", HttpStatusCode.Forbidden, "refuses the configured key. Api:WriteKey of NanoRecSys.Web")]
    public void A_key_that_is_missing_or_wrong_is_shown_with_its_remedy_and_the_list_stays(string? key, HttpStatusCode status, string shown)
    {
        _api.Fails("POST /events", status, "This call needs a key in the header X-Api-Key.");
        IRenderedComponent<RecommendBoard> board = ShowLoaded(key);

        FirstAction(board).Click();

        board.WaitForAssertion(() => Assert.Contains(shown, board.Find("[role=alert]").TextContent, StringComparison.Ordinal));
        Assert.Contains("Could not store the event", board.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.Equal(2, board.FindAll("[data-testid=recommendation-card]").Count);
        Assert.Empty(board.FindAll("[data-testid=watched-note]"));
    }

    [Fact]
    public void A_list_is_shown_only_for_its_own_user()
    {
        IRenderedComponent<RecommendBoard> board = ShowLoaded();

        _api.Fails("POST /recommendations", HttpStatusCode.GatewayTimeout, "No answer.");
        board.Render(parameters => parameters.Add(shown => shown.User, 8));

        board.WaitForAssertion(() => Assert.Contains("No answer.", board.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal));
        Assert.Equal("For user 8", board.Find("h1").TextContent);
        Assert.Empty(board.FindAll("[data-testid=recommendation-card]"));
    }

    [Fact]
    public void A_double_click_stores_one_event_and_a_later_click_on_the_same_day_repeats_its_key()
    {
        TaskCompletionSource<object> receipt = _api.Holds("POST /events");
        IRenderedComponent<RecommendBoard> board = ShowLoaded();

        FirstAction(board).Click();
        Assert.All(board.FindAll("[data-testid=card-action]"), action => Assert.True(action.HasAttribute("disabled")));
        FirstAction(board).Click();
        receipt.SetResult(new EventReceipt(1, 0, [], "request-2"));
        board.WaitForAssertion(() => Assert.NotEmpty(board.FindAll("[data-testid=watched-note]")));
        Assert.Single(Stored());

        board.WaitForAssertion(() => Assert.False(FirstAction(board).HasAttribute("disabled")));
        FirstAction(board).Click();
        board.WaitForAssertion(() => Assert.Equal(2, Stored().Count));
        Assert.Single(Stored().Select(request => request.Body).Distinct());
    }

    [Fact]
    public void Undo_deletes_the_event_by_its_key_and_reloads_the_list()
    {
        _api.On("POST /events", new EventReceipt(1, 0, [], "request-2"));
        IRenderedComponent<RecommendBoard> board = ShowLoaded("open sesame");
        FirstAction(board).Click();
        board.WaitForAssertion(() => Assert.False(board.Find("[data-testid=undo]").HasAttribute("disabled")));
        string key = System.Text.Json.JsonDocument.Parse(Stored().Single().Body).RootElement.GetProperty("key").GetString()!;
        _api.On($"DELETE /users/7/events/{key}", new EventsDeleted(1, "request-3"));

        board.Find("[data-testid=undo]").Click();

        board.WaitForAssertion(() => Assert.Contains("was removed from the history", board.Find("[data-testid=watched-note]").TextContent, StringComparison.Ordinal));
        Assert.Empty(board.FindAll("[data-testid=undo]"));
        Assert.Equal("open sesame", _api.Requests.Single(request => request.Call.StartsWith("DELETE", StringComparison.Ordinal)).Key);
        Assert.Equal(3, _api.Requests.Count(request => request.Call == "POST /recommendations"));
    }

    [Fact]
    public void The_suggested_user_is_shown_first()
    {
        _api.On("GET /users", new UserList(2, [new UserSummary(7, 40), new UserSummary(8, 60)]) { Suggested = 8 });

        IRenderedComponent<RecommendBoard> board = Show(null);

        board.WaitForAssertion(() => Assert.Equal("For user 8", board.Find("h1").TextContent));
    }

    [Fact]
    public void In_a_catalog_of_films_texts_say_films_and_filters_use_numbers()
    {
        _api.On("POST /events", new EventReceipt(1, 0, [], "request-2"));
        Services.AddSingleton(_api.Client());

        IRenderedComponent<RecommendBoard> board = Render<RecommendBoard>(parameters => parameters
            .AddCascadingValue(new Words("film", "films")).AddCascadingValue(Films.Catalog)
            .Add(shown => shown.User, 7).Add(shown => shown.ListOptions, new ListOptions { Where = [new Condition("Year", ">=", "1990"), new Condition("brand", "=", "1990")] }));

        board.WaitForAssertion(() => Assert.Contains("Mark as watched", FirstAction(board).TextContent, StringComparison.Ordinal));
        Assert.Contains("a history of 40 films", board.Find(".lead").TextContent, StringComparison.Ordinal);
        string body = _api.Requests.Single(request => request.Call == "POST /recommendations").Body;
        Assert.Contains("""{"field":"Year","op":"\u003E=","value":1990},{"field":"brand","op":"=","value":"1990"}""", body, StringComparison.Ordinal);
        FirstAction(board).Click();
        board.WaitForAssertion(() => Assert.Contains("\"type\":\"watch\"", Stored().Single().Body, StringComparison.Ordinal));
    }

    private List<FakeRequest> Stored() => [.. _api.Requests.Where(request => request.Call == "POST /events")];

    private static IElement FirstAction(IRenderedComponent<RecommendBoard> board) => board.FindAll("[data-testid=card-action]")[0];

    /// <summary>Shows user 7 and waits for the two films.</summary>
    private IRenderedComponent<RecommendBoard> ShowLoaded(string? key = null)
    {
        IRenderedComponent<RecommendBoard> board = Show(7, key: key);
        board.WaitForAssertion(() => Assert.Equal(
            (2, 2), (board.FindAll("[data-testid=recommendation-card]").Count, board.FindAll("[data-testid=card-action]").Count)));
        return board;
    }

    private IRenderedComponent<RecommendBoard> Show(int? user, ListOptions? options = null, string? key = null)
    {
        Services.AddSingleton(_api.Client(new ApiOptions { WriteKey = key }));
        return Render<RecommendBoard>(parameters => parameters.Add(board => board.User, user).Add(board => board.ListOptions, options ?? new ListOptions()));
    }
}
