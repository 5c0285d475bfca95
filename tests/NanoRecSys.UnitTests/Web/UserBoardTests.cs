using System.Net;
using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Components.Users;

namespace NanoRecSys.UnitTests.Web;

public sealed class UserBoardTests : BunitContext
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    private readonly FakeApi _api = new FakeApi()
        .On("GET /users/7/history", new UserHistoryResponse(7, 1700, [Films.Seven]))
        .On("GET /items", new ItemList([Films.StarWars, Films.Matrix]))
        .On("GET /items/47/similar", new ItemList([Films.Matrix], [0.6f]));

    public UserBoardTests()
    {
        JSInterop.Mode = JSRuntimeMode.Loose;
        Services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build()).AddSingleton(_api.Client());
    }

    [Fact]
    public void The_lists_stand_side_by_side_and_leave_out_what_the_api_says_is_in_the_whole_history()
    {
        RecommendationsResponse ours = Films.List(Films.Matrix) with { Items = [Films.Recommended(Films.Matrix, 0.9f, "Because of Seven.")] };
        _api.On("POST /recommendations", asked => (HttpStatusCode.OK, JsonSerializer.Serialize(
            asked.Body.Contains("include_ids", StringComparison.Ordinal) ? Films.List(Films.Matrix) : ours, Json))); // Star Wars is among the other 1,699

        IRenderedComponent<UserBoard> board = Show();

        board.WaitForAssertion(() => Assert.Equal(
            ["Recommended: The Matrix", "Less popular: The Matrix", "Popular: The Matrix", "Similar to the newest: The Matrix"],
            board.FindAll("[data-testid=user-lists] section").Select(list =>
                $"{list.GetAttribute("aria-label")}: {string.Join(", ", list.QuerySelectorAll("[data-testid=user-list-item] b").Select(title => title.TextContent))}")));
        Assert.Contains("Because of Seven.", board.Find("[data-testid=user-reasons]").TextContent, StringComparison.Ordinal);
        Assert.Equal(3, board.FindAll("[data-testid=user-lists] .tag").Count); // the model recommends it, too
        Assert.Contains("1,700 items in the history", board.Find(".lead").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void A_failure_is_shown_and_can_be_tried_again()
    {
        _api.Fails("POST /recommendations", HttpStatusCode.InternalServerError, "The index is away.");

        IRenderedComponent<UserBoard> board = Show();

        board.WaitForAssertion(() => Assert.Contains("The index is away.", board.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal));
    }

    private IRenderedComponent<UserBoard> Show() => Render<UserBoard>(parameters => parameters.Add(board => board.Id, 7));
}
