using System.Net;
using Bunit;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.JSInterop;
using NanoRecSys.Web.Components.Explore;
using NanoRecSys.Web.Components.Users;

namespace NanoRecSys.UnitTests.Web;

public sealed class ItemBoardTests : BunitContext
{
    private readonly FakeApi _api = new FakeApi()
        .On("GET /items/47", new ItemDetail(Films.Seven, 201, 9, 9066, 0.1f, 0.2f))
        .On("GET /items/47/similar", new ItemList([Films.Matrix], [0.62f]))
        .On("GET /items/47/lists", new UserLists("v", [
            new("served", [], [Films.Recommended(Films.Matrix, 0.9f, "")]), new("retriever", ["transformer"], [Films.Recommended(Films.Matrix, 0.4f, "")]),
            new("item_models", ["item-knn"], [Films.Recommended(Films.StarWars, 0.4f, "")])]))
        .On("GET /items/47/audience", new ItemAudience(671, 200, 80, 7, 46, [new AudienceMember(480, 1, 33)]));

    public ItemBoardTests()
    {
        Services.AddSingleton(_api.Client());
        Services.AddSingleton<IConfiguration>(new ConfigurationBuilder().Build());
        JSInterop.Mode = JSRuntimeMode.Loose; // the map is drawn only in a browser
    }

    [Fact]
    public void All_its_attributes_are_listed()
    {
        ItemInfo soap = new(EntityId.Of("B07/AB"), "Soap", ["Beauty"])
        {
            Attributes = new Dictionary<string, AttributeValue>
            {
                ["brand"] = AttributeValue.OfCategory("Dove"),
                ["net_weight"] = AttributeValue.OfNumber(0.25),
                ["on_sale_since"] = AttributeValue.OfTime(1_767_225_600),
            },
            Hidden = true,
        };
        _api.On("GET /items/47", new ItemDetail(soap, 3, 2, 10, null, null));

        IRenderedComponent<ItemBoard> board = Show();

        board.WaitForAssertion(() => Assert.Equal(
            ["Id B07/AB", "Brand Dove", "Net weight 0.25", "On sale since 2026-01-01"],
            board.FindAll("[data-testid=attributes] div").Select(fact => string.Join(' ', fact.Children.Select(part => part.TextContent)))));
        Assert.Contains("hidden", board.Find(".line").TextContent, StringComparison.Ordinal);
        Assert.Equal("/taste?items=B07%252FAB", board.Find("[data-testid=start-taste]").GetAttribute("href"));
    }

    [Theory]
    [InlineData("http://localhost/item/47", "47")]
    [InlineData("http://localhost/item/B07%2FAB%20c?x=1", "B07/AB c")]
    [InlineData("http://localhost/item/%C3%A9%25", "é%")]
    public void An_address_ends_with_the_id(string address, string id)
    {
        Assert.Equal(id, ItemPage.IdOf(address, "/item/"));
        Assert.Equal(new Uri(address).AbsolutePath, ItemPage.Address(EntityId.Of(id)));
    }

    [Fact]
    public void The_lists_of_the_model_s_parts_are_side_by_side()
    {
        IRenderedComponent<ItemBoard> board = Show();

        board.WaitForAssertion(() => Assert.Equal(
            ["Recommended: The Matrix", "Transformer alone: The MatrixNo. 1", "Item-kNN alone: Star Wars: Episode IV - A New Hope"],
            board.FindAll("[data-testid=item-lists] section").Select(list => $"{list.GetAttribute("aria-label")}: {string.Concat(list.QuerySelectorAll("[data-testid=item-list-item] b, .tag").Select(part => part.TextContent))}")));
    }

    [Fact]
    public void A_film_without_a_place_on_the_map_says_so()
    {
        _api.On("GET /items/47", new ItemDetail(Films.Seven, 0, null, 9066, null, null));

        IRenderedComponent<ItemBoard> board = Show();

        board.WaitForAssertion(() => Assert.Contains("Not on the map", board.Markup, StringComparison.Ordinal));
    }

    [Fact]
    public void A_failing_part_does_not_affect_the_others()
    {
        _api.Fails("GET /items/47/audience", HttpStatusCode.InternalServerError, "The sample is unavailable.");

        IRenderedComponent<ItemBoard> board = Show();

        board.WaitForAssertion(() => Assert.Contains("The sample is unavailable.", board.Find("[data-testid=audience]").TextContent, StringComparison.Ordinal));
        Assert.Single(board.FindAll("[data-testid=similar] [data-testid=title]"));
    }

    [Fact]
    public void A_missing_film_is_reported_with_a_link()
    {
        _api.Fails("GET /items/47", HttpStatusCode.NotFound, "Item 47 is not in the served model's catalog.");

        IRenderedComponent<ItemBoard> board = Show();

        board.WaitForAssertion(() => Assert.Contains("Item 47 is not in", board.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal));
        Assert.Equal("Item 47", board.Find("h1").TextContent);
        Assert.DoesNotContain(board.FindAll("button"), button => button.TextContent == "Try again");
        Assert.NotNull(board.Find("a[href='/explore']"));
    }

    private IRenderedComponent<ItemBoard> Show() => Render<ItemBoard>(parameters => parameters.Add(board => board.Id, 47));
}

public sealed class ItemMapViewTests : BunitContext
{
    [Fact]
    public async Task Leaving_while_the_map_is_drawn_breaks_no_page()
    {
        var script = new SlowScript();
        Services.AddSingleton<IJSRuntime>(script);
        Render<ItemMapView>(parameters => parameters.Add(view => view.Compact, true));
        Assert.True(script.IsDrawing);

        await DisposeComponentsAsync();
        script.Fail(new JSException("The element no longer exists."));

        Task first = await Task.WhenAny(Renderer.UnhandledException, Task.Delay(200, Xunit.TestContext.Current.CancellationToken));
        Assert.NotSame(Renderer.UnhandledException, first);
    }

    /// <summary>A browser and its module, whose "draw" never ends until it fails.</summary>
    private sealed class SlowScript : IJSRuntime, IJSObjectReference
    {
        private readonly TaskCompletionSource<IJSObjectReference> _drawing = new();

        public bool IsDrawing { get; private set; }

        public void Fail(Exception e) => _drawing.SetException(e);

        public async ValueTask<TValue> InvokeAsync<TValue>(string identifier, object?[]? args)
        {
            IsDrawing |= identifier == "draw";
            IJSObjectReference result = identifier == "draw" ? await _drawing.Task : this;
            return (TValue)result;
        }

        public ValueTask<TValue> InvokeAsync<TValue>(string identifier, CancellationToken cancellationToken, object?[]? args) => InvokeAsync<TValue>(identifier, args);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}

public sealed class MapSheetTests
{
    private static readonly ItemMap Map = new("v1", "neighbours", 0.3,
    [
        new(Films.Film(10, "Heat", 1995, "Action", "Crime"), 50, 0.123456f, -1),
        new(Films.Film(20, "Alien", 1979, "Horror", "Sci-Fi"), 40, 0, 1),
        new(Films.Film(30, "Seven", 1995, "Crime", "Thriller"), 30, 1, 0),
        new(Films.Film(40, "Movie 40", null), 1, 0, 0),
    ]);

    [Fact]
    public void A_movie_has_the_colour_of_its_most_specific_genre_and_the_most_common_is_first()
    {
        MapSheet sheet = MapSheet.From(Map);

        Assert.Equal(["Crime", "Horror", ""], sheet.Categories.Select(genre => genre.Name));
        Assert.Equal([0, 1, 0, 2], sheet.Category);
        Assert.Equal([232, 352, null], sheet.Categories.Select(genre => genre.Hue));
        Assert.Equal([2, 1, 1], sheet.Categories.Select(genre => genre.Items));
    }

    [Fact]
    public void In_another_catalog_it_is_the_rarest_of_the_common_categories()
    {
        MapPoint[] points =
        [
            .. Enumerable.Range(0, 40).Select(i => new MapPoint(new ItemInfo(EntityId.Of($"sku-{i}"), $"Soap {i}", ["Beauty", $"only {i}", i % 2 == 0 ? "Hand soap" : "Beauty"]), 1, 0, 0)),
            new MapPoint(new ItemInfo(EntityId.Of("bare"), "Nothing known", []), 1, 0, 0),
        ];

        MapSheet sheet = MapSheet.From(Map with { Points = points });

        Assert.Equal("sku-0", sheet.Ids[0]);
        Assert.True(sheet.Categories.Count <= 18);
        Assert.Contains(sheet.Categories, category => category.Name == "Beauty");
        Assert.Null(sheet.Categories[sheet.Category[^1]].Hue); // gray, without a category
        Assert.All(sheet.Categories.Where(category => category.Name.Length > 0), category => Assert.NotNull(category.Hue));
    }

    [Fact]
    public void Positions_are_rounded_to_visible_precision() => Assert.Equal([0.1235, 0, 1, 0], MapSheet.From(Map).X);
}

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
