namespace NanoRecSys.EndToEndTests;

public sealed class RecommendJourneyTests(FirstStart start)
{
    [Fact]
    public async Task Watching_a_film_changes_the_list_and_the_history_without_a_reload()
    {
        await using Visit visit = await start.OpenAsync("/?user=15");
        ILocator card = visit.Marked("recommendation-card").First;
        await card.WaitForAsync();
        string movie = await card.GetAttributeAsync("data-item-id") ?? "";
        string title = await card.Locator("[data-testid=title]").InnerTextAsync();

        await card.Locator("[data-testid=card-action]").PressAsync("Enter");

        await Expect(visit.Marked("watched-note")).ToContainTextAsync(title);
        await Expect(visit.Marked("watched-note")).ToBeFocusedAsync(); // The card that had the focus is gone.
        await Expect(visit.Marked("watched-note")).Not.ToContainTextAsync("Asking again");
        await Expect(visit.Page.Locator($"[data-testid=recommendation-card][data-item-id='{movie}']")).ToHaveCountAsync(0);
        await Expect(visit.Marked("history-item").First).ToContainTextAsync(title);
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task Undo_removes_the_film_from_the_history()
    {
        await using Visit visit = await start.OpenAsync("/?user=17");
        ILocator card = visit.Marked("recommendation-card").First;
        await card.WaitForAsync();
        string title = await card.Locator("[data-testid=title]").InnerTextAsync();
        await Expect(visit.Marked("history-item").First).ToBeVisibleAsync();
        string newest = await visit.Marked("history-item").First.InnerTextAsync();
        await card.Locator("[data-testid=card-action]").PressAsync("Enter");
        await Expect(visit.Marked("history-item").First).ToContainTextAsync(title);

        await visit.Marked("undo").PressAsync("Enter");

        await Expect(visit.Marked("watched-note")).ToContainTextAsync("was removed from the history");
        await Expect(visit.Marked("history-item").First).ToHaveTextAsync(newest, new() { UseInnerText = true });
        await Expect(visit.Marked("recommendation-card").First).ToContainTextAsync(title);
        Assert.Empty(visit.Errors);
    }

    // Filters by Action, because a card shows only three genres and Action comes first alphabetically.
    [Fact]
    public async Task Filters_are_kept_in_the_address_and_restored_from_it()
    {
        await using Visit visit = await start.OpenAsync("/?user=4");
        await visit.Marked("filters-toggle").ClickAsync();
        await visit.Marked("category-choice").Filter(new() { HasText = "Action" }).ClickAsync();
        await visit.ExpectAddressAsync("categories=Action");
        await Expect(visit.Marked("filter-tag")).ToHaveTextAsync(["Action"]);
        await Expect(visit.Marked("recommendations")).ToHaveAttributeAsync("aria-busy", "false");
        Assert.All(await CategoriesAsync(visit), categories => Assert.Contains("Action", categories, StringComparison.Ordinal));

        await using Visit other = await start.OpenAsync(new Uri(visit.Page.Url).PathAndQuery);
        await Expect(other.Marked("filter-tag")).ToHaveTextAsync(["Action"]);
        await other.Marked("recommendation-card").First.WaitForAsync();
        Assert.All(await CategoriesAsync(other), categories => Assert.Contains("Action", categories, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Opening_the_page_calls_the_api_once_and_not_again_after_prerendering()
    {
        BuiltStack.RequireBrowser();
        using HttpClient api = new() { BaseAddress = start.Api };
        await using Visit visit = await Visit.StartAsync(start.Browser, start.Address);
        long before = await RequestsAsync(api);

        await visit.OpenAsync("/?user=9&k=7");
        await Expect(visit.Marked("recommendation-card")).ToHaveCountAsync(7);
        await Expect(visit.Marked("history-item").First).ToBeVisibleAsync();

        Assert.Equal(1, await RequestsAsync(api) - before);
    }

    private static async Task<IReadOnlyList<string>> CategoriesAsync(Visit visit) => await visit.Marked("recommendation-card").Locator(".categories").AllInnerTextsAsync();

    private static async Task<long> RequestsAsync(HttpClient api)
    {
        using JsonDocument status = JsonDocument.Parse(await api.GetStringAsync("/debug/status", TestContext.Current.CancellationToken));
        return status.RootElement.GetProperty("stats").GetProperty("requests").GetInt64();
    }
}
