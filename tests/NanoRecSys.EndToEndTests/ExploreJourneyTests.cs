using System.Text.RegularExpressions;

namespace NanoRecSys.EndToEndTests;

public sealed class ExploreJourneyTests(FirstStart start)
{
    [Fact]
    public async Task A_taste_is_built_by_keyboard_and_its_address_can_be_shared()
    {
        await using Visit visit = await start.OpenAsync("/taste");
        await AddAsync(visit, "star wars", "Star Wars: Episode IV - A New Hope");
        await Expect(visit.Marked("recommendation-card")).ToHaveCountAsync(10);
        await AddAsync(visit, "godfather", "The Godfather");
        await visit.ExpectAddressAsync("items=260%2C858");
        await Expect(visit.Marked("moved").First).ToBeVisibleAsync(); // The list shows what the second film changed.

        await using Visit friend = await start.OpenAsync(new Uri(visit.Page.Url).PathAndQuery);
        await Expect(friend.Marked("taste-chip")).ToContainTextAsync(["Star Wars", "The Godfather"]);
        await Expect(friend.Marked("recommendation-card")).ToHaveCountAsync(10);
        Assert.Equal(await TitlesAsync(visit), await TitlesAsync(friend));
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task Removing_the_last_film_shows_the_invitation_again()
    {
        await using Visit visit = await start.OpenAsync("/taste?items=260");
        await visit.Marked("taste-remove").ClickAsync();
        await Expect(visit.Marked("taste-invitation")).ToBeVisibleAsync();

        await Expect(visit.Marked("taste-suggestion").First).ToBeVisibleAsync();
        await visit.Marked("taste-suggestion").First.ClickAsync();
        await Expect(visit.Marked("taste-chip")).ToHaveCountAsync(1);
    }

    [Fact]
    public async Task A_search_opens_the_films_page_with_its_links()
    {
        await using Visit visit = await start.OpenAsync("/explore");
        await SearchAsync(visit, "matrix", "The Matrix");
        await visit.ExpectAddressAsync("/item/2571");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("The Matrix");
        await Expect(visit.Marked("audience-member").First).ToBeVisibleAsync();
        await Expect(visit.Marked("map-drawn")).ToBeAttachedAsync();

        ILocator similar = visit.Marked("similar").Locator("[data-testid=title]").First;
        string title = await similar.InnerTextAsync();
        await similar.Locator("a").ClickAsync();
        await Expect(visit.Page.Locator("h1")).ToContainTextAsync(title); // A poster omits alternative titles.
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task An_address_from_earlier_versions_redirects_to_the_item_whose_audience_links_to_the_users_lists()
    {
        await using Visit visit = await start.OpenAsync("/movie/260");
        await visit.ExpectAddressAsync("/item/260");
        await Expect(visit.Marked("audience")).ToContainTextAsync("Counted over all 671 users");
        await visit.Marked("audience-member").First.ClickAsync();
        await visit.ExpectAddressAsync("/user/");
        await Expect(visit.Marked("user-list-item").First).ToBeVisibleAsync();
        await Expect(visit.Marked("user-lists")).ToContainTextAsync("Transformer alone");
        await Expect(visit.Marked("map-drawn")).ToBeAttachedAsync();
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_map_zooms_isolates_genres_and_opens_what_is_clicked()
    {
        await using Visit visit = await start.OpenAsync("/explore");
        await visit.Marked("map-drawn").WaitForAsync(new() { State = WaitForSelectorState.Attached });
        ILocator map = visit.Marked("item-map");
        await visit.Page.GetByLabel("Zoom in").ClickAsync();
        await Expect(map).ToHaveAttributeAsync("data-zoom", "1.60");
        await map.Locator("canvas").PressAsync("0");
        await Expect(map).ToHaveAttributeAsync("data-zoom", "1.00");

        ILocator genres = map.Locator(".legend button");
        ILocator shown = map.Locator(".legend button[aria-pressed=true]");
        await genres.Nth(1).ClickAsync();
        await Expect(shown).ToHaveCountAsync(1); // isolated
        await genres.Nth(2).ClickAsync();
        await Expect(shown).ToHaveCountAsync(2);
        await genres.Nth(1).ClickAsync();
        await genres.Nth(2).ClickAsync();
        await Expect(shown).ToHaveCountAsync(await genres.CountAsync());

        // The page exposes the position of the best-known visible film; hovering there must show its title.
        double[] place = await visit.Page.EvaluateAsync<double[]>("() => document.querySelector('[data-testid=item-map]').dataset.best.split(',').map(Number)");
        await map.Locator("canvas").HoverAsync(new() { Position = new() { X = (float)place[0], Y = (float)place[1] } });
        await Expect(map.Locator(".hover b")).Not.ToBeEmptyAsync();
        await map.Locator("canvas").ClickAsync(new() { Position = new() { X = (float)place[0], Y = (float)place[1] } });
        await visit.ExpectAddressAsync($"/item/{place[2]}");
        Assert.Empty(visit.Errors);
    }

    private static async Task AddAsync(Visit visit, string words, string title)
    {
        await SearchAsync(visit, words, title);
        await Expect(visit.Marked("taste-chip").Filter(new() { HasText = title })).ToHaveCountAsync(1);
    }

    // Arrow keys until the wanted option is active, as a keyboard user does.
    private static async Task SearchAsync(Visit visit, string words, string title)
    {
        await visit.Marked("item-search").FocusAsync();
        await visit.Page.Keyboard.TypeAsync(words);
        await visit.Page.GetByRole(AriaRole.Listbox, new() { NameRegex = new Regex($" found for {words}$") }).WaitForAsync(); // not the results for a prefix
        ILocator wanted = visit.Marked("option").Filter(new() { Has = visit.Page.GetByText(title, new() { Exact = true }) });
        await wanted.WaitForAsync();
        int place = await wanted.EvaluateAsync<int>("option => [...option.parentElement.children].indexOf(option)");
        for (int i = 0; i < place; i++)
        {
            await visit.Page.Keyboard.PressAsync("ArrowDown");
        }

        await Expect(wanted).ToHaveAttributeAsync("aria-selected", "true");
        await visit.Page.Keyboard.PressAsync("Enter");
    }

    private static async Task<IReadOnlyList<string>> TitlesAsync(Visit visit) => await visit.Marked("recommendation-card").Locator("[data-testid=title]").AllInnerTextsAsync();
}
