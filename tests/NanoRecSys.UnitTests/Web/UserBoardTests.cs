using System.Net;
using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Components.Users;

namespace NanoRecSys.UnitTests.Web;

public sealed class UserBoardTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi()
        .On("GET /users/7/history", new UserHistoryResponse(7, 1700, [Films.Seven]))
        .On("GET /users/7/lists", new UserLists("v", [
            new("served", [], [Films.Recommended(Films.Matrix, 0.9f, "")]), new("retriever", ["transformer"], [Films.Recommended(Films.Matrix, 0.4f, "")]),
            new("item_models", ["ease"], [Films.Recommended(Films.StarWars, 0.4f, "")]), new("popular", [], [Films.Recommended(Films.Matrix, 0.4f, "")])]));

    public UserBoardTests()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddSingleton(_api.Client());
    }

    [Fact]
    public void The_lists_of_the_model_s_parts_are_side_by_side_with_the_one_that_is_served()
    {
        _api.On("POST /recommendations", Films.List(Films.Matrix) with { Items = [Films.Recommended(Films.Matrix, 0.9f, "Because of Seven.")] });

        IRenderedComponent<UserBoard> board = Show();

        board.WaitForAssertion(() => Assert.Equal(
            ["Recommended: The Matrix", "Transformer alone: The Matrix", "EASE alone: Star Wars: Episode IV - A New Hope", "Popular: The Matrix"],
            board.FindAll("[data-testid=user-lists] section").Select(list =>
                $"{list.GetAttribute("aria-label")}: {string.Join(", ", list.QuerySelectorAll("[data-testid=user-list-item] b").Select(title => title.TextContent))}")));
        Assert.Contains("Because of Seven.", board.Find("[data-testid=user-reasons]").TextContent, StringComparison.Ordinal);
        Assert.Equal(2, board.FindAll("[data-testid=user-lists] .tag").Count); // the model also recommends them
        Assert.Contains("1,700 items in the history", board.Find(".lead").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_is_shown_and_can_be_tried_again()
    {
        _api.Fails("POST /recommendations", HttpStatusCode.InternalServerError, "The index is unavailable.");

        IRenderedComponent<UserBoard> board = Show();

        board.WaitForAssertion(() => Assert.Contains("The index is unavailable.", board.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal));
    }

    private IRenderedComponent<UserBoard> Show() => Render<UserBoard>(parameters => parameters.Add(board => board.Id, 7));
}
