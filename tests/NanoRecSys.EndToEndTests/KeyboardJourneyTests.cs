namespace NanoRecSys.EndToEndTests;

/// <summary>Every journey by keyboard alone: Tab until the control has the focus, then its keys. No locator is clicked or focused.</summary>
public sealed class KeyboardJourneyTests(FirstStart start)
{
    [Fact]
    public async Task Another_user_is_found_and_shown()
    {
        await using Visit visit = await OpenAsync("/?user=15", "recommendation-card");
        await visit.TabToAsync("[role=combobox]");

        await visit.Page.Keyboard.PressAsync("ControlOrMeta+A");
        await visit.Page.Keyboard.TypeAsync("480");
        await Expect(visit.Marked("option").First).ToContainTextAsync("480");
        await visit.Page.Keyboard.PressAsync("Enter");

        await visit.ExpectAddressAsync("user=480");
        await Expect(visit.Page.Locator("h1")).ToHaveTextAsync("For user 480");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task Filters_are_set_and_removed()
    {
        await using Visit visit = await OpenAsync("/?user=15", "recommendation-card");
        await visit.PressAsync("[data-testid=filters-toggle]", "Enter");
        await Expect(visit.Marked("category-choice").First).ToBeVisibleAsync();

        await visit.PressAsync("[data-testid=category-choice]", "Space");
        await visit.ExpectAddressAsync("categories=");
        await visit.TabToAsync("[data-testid=year-from]");
        await visit.Page.Keyboard.TypeAsync("1990");
        await visit.Page.Keyboard.PressAsync("Tab");
        await visit.ExpectAddressAsync("where=year%3E%3D1990");
        await Expect(visit.Marked("filter-tag")).ToHaveCountAsync(2);

        await visit.PressAsync("[data-testid=filter-tag]", "Enter");
        await Expect(visit.Marked("filter-tag")).ToHaveCountAsync(1);
        await visit.PressAsync("[data-testid=filters-clear]", "Enter");
        await Expect(visit.Marked("filter-tag")).ToHaveCountAsync(0);
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task An_item_is_added_to_the_history_and_removed_again()
    {
        await using Visit visit = await OpenAsync("/?user=18", "recommendation-card");

        await visit.PressAsync("[data-testid=card-action]", "Enter");
        await Expect(visit.Marked("watched-note")).ToContainTextAsync("was added");
        await Expect(visit.Marked("undo")).ToBeEnabledAsync();
        await visit.PressAsync("[data-testid=undo]", "Enter");

        await Expect(visit.Marked("watched-note")).ToContainTextAsync("was removed");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_card_leads_to_its_item_and_the_item_to_a_new_taste()
    {
        await using Visit visit = await OpenAsync("/?user=15", "recommendation-card");
        await visit.PressAsync("[data-testid=title] a", "Enter");
        await visit.ExpectAddressAsync("/item/");
        await Expect(visit.Marked("audience-member").First).ToBeVisibleAsync();

        await visit.PressAsync("[data-testid=start-taste]", "Enter");
        await visit.ExpectAddressAsync("/taste?items=");
        await Expect(visit.Marked("recommendation-card").First).ToBeVisibleAsync();
        await visit.PressAsync("[data-testid=card-action]", "Enter");
        await Expect(visit.Marked("taste-chip")).ToHaveCountAsync(2);
        await visit.PressAsync("[data-testid=taste-remove]", "Enter");
        await Expect(visit.Marked("taste-chip")).ToHaveCountAsync(1);
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_request_is_opened_and_every_page_is_reached_by_the_navigation()
    {
        await using Visit visit = await OpenAsync("/?user=19", "recommendation-card");
        foreach ((string page, string marker) in new[]
        {
            ("taste", "taste-suggestion"), ("explore", "map-drawn"), ("data", "long-tail"), ("events", "events"), ("rules", "add-rule"),
            ("telemetry", "telemetry-request"), ("training", "version"), ("system", "manifest-model"),
        })
        {
            await visit.PressAsync($"[data-testid=nav-{page}]", "Enter");
            await Expect(visit.Marked(marker).First).ToBeAttachedAsync();
            if (page == "telemetry")
            {
                await visit.PressAsync("[data-testid=telemetry-request] button", "Enter");
                await Expect(visit.Marked("trace-waterfall")).ToBeVisibleAsync();
            }
        }

        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task List_length_diversity_user_and_theme_are_changed()
    {
        await using Visit visit = await OpenAsync("/?user=15", "recommendation-card");
        await visit.PressAsync(".skip-link", "Enter");
        await Expect(visit.Page.Locator("#main")).ToBeFocusedAsync();
        await visit.TabToAsync("[role=combobox]"); // the next stop, past the navigation
        await visit.PressAsync("[data-testid=k-select] button:nth-child(3)", "Enter");
        await visit.ExpectAddressAsync("k=20");
        await Expect(visit.Marked("recommendation-card")).ToHaveCountAsync(20);
        await visit.PressAsync("[data-testid=diversity]", "ArrowRight");
        await visit.ExpectAddressAsync("diversity=0.1");
        await visit.PressAsync("[data-testid=next-user]", "Enter");
        await Expect(visit.Page.Locator("h1")).Not.ToHaveTextAsync("For user 15");
        string theme = await visit.Page.Locator("html").GetAttributeAsync("data-theme") ?? "";
        await visit.PressAsync("[data-testid=theme-toggle]", "Enter");
        await Expect(visit.Page.Locator("html")).Not.ToHaveAttributeAsync("data-theme", theme);
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_map_zooms_and_isolates_a_category_and_a_search_leads_to_an_item_its_audience_and_their_lists()
    {
        await using Visit visit = await OpenAsync("/explore", "map-drawn");
        await visit.PressAsync("[data-testid=item-map] canvas", "+");
        await Expect(visit.Marked("item-map")).ToHaveAttributeAsync("data-zoom", "1.40");
        await visit.PressAsync(".legend button", "Space");
        await Expect(visit.Page.Locator(".legend button[aria-pressed=true]")).ToHaveCountAsync(1);
        await visit.TabToAsync("[data-testid=item-search]");
        await visit.Page.Keyboard.TypeAsync("matrix");
        await Expect(visit.Marked("option").First).ToContainTextAsync("Matrix");
        await visit.Page.Keyboard.PressAsync("Enter");
        await visit.ExpectAddressAsync("/item/");

        await Expect(visit.Marked("item-list-item").First).ToBeVisibleAsync();
        await Expect(visit.Marked("audience-member").First).ToBeVisibleAsync();
        await visit.PressAsync("[data-testid=audience-member]", "Enter");
        await visit.ExpectAddressAsync("/user/");
        await Expect(visit.Marked("user-list-item").First).ToBeVisibleAsync();
        await visit.PressAsync("[data-testid=user-list-item] a", "Enter");
        await visit.ExpectAddressAsync("/item/");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_version_is_pinned_and_unpinned()
    {
        await using Visit visit = await OpenAsync("/training", "version");

        // Other tests publish versions and roll back: the served one need not be the first, and a row may offer Publish before Pin.
        await visit.PressAsync("[data-testid=version]:has([data-testid=served]) [aria-label^='Pin ']", "Enter");
        await Expect(visit.Marked("model-action")).ToBeFocusedAsync(); // it appears above the button
        await visit.PressAsync("[data-testid=confirm]", "Enter");
        await Expect(visit.Marked("version").Filter(new() { HasText = "pinned" })).ToHaveCountAsync(1);
        await visit.PressAsync("[data-testid=unpin]", "Enter");
        await Expect(visit.Marked("model-action")).ToBeFocusedAsync();
        await visit.PressAsync("[data-testid=confirm]", "Enter");

        await Expect(visit.Marked("version").Filter(new() { HasText = "pinned" })).ToHaveCountAsync(0);
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task An_event_is_found_by_its_user_and_undone()
    {
        await using Visit visit = await OpenAsync("/?user=19", "recommendation-card");
        await visit.PressAsync("[data-testid=card-action]", "Enter");
        await Expect(visit.Marked("watched-note")).ToContainTextAsync("was added");
        await visit.PressAsync("[data-testid=nav-data]", "Enter");
        await visit.PressAsync("[data-testid=nav-events]", "Enter");
        await Expect(visit.Page.Locator("[data-testid=event][data-user='19']").First).ToContainTextAsync("watch");

        await visit.TabToAsync("[data-testid=event-user]");
        await visit.Page.Keyboard.TypeAsync("19");
        await visit.Page.Keyboard.PressAsync("Tab");
        await visit.ExpectAddressAsync("user=19");
        await Expect(visit.Page.Locator("[data-testid=event]:not([data-user='19'])")).ToHaveCountAsync(0);
        int events = await visit.Marked("event").CountAsync();
        await visit.PressAsync("[data-testid=undo-event]", "Enter");

        await Expect(visit.Marked("event-deleted")).ToContainTextAsync("Deleted: watch");
        await Expect(visit.Marked("event")).ToHaveCountAsync(events - 1);
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_rule_is_created_tried_on_a_user_saved_applied_and_deleted()
    {
        await using Visit visit = await OpenAsync("/data", "long-tail");
        await visit.PressAsync("[data-testid=nav-rules]", "Enter");
        await Expect(visit.Marked("add-rule")).ToBeEnabledAsync();
        await visit.PressAsync("[data-testid=add-rule]", "Enter");
        await visit.TabToAsync("[data-testid=rule-editor] [data-testid=item-search]");
        await visit.Page.Keyboard.TypeAsync("godfather");
        await Expect(visit.Marked("option").First).ToContainTextAsync("Godfather");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(visit.Marked("rule")).ToContainTextAsync("Godfather at 1");
        await visit.PressAsync("[data-testid=add-effect]", "Enter");
        await Expect(visit.Marked("effect-kind").Nth(1)).ToBeFocusedAsync(); // it is before the button
        await visit.PressAsync("[aria-label='Remove effect 2']", "Enter");
        await Expect(visit.Marked("rule-effect")).ToHaveCountAsync(1);

        await visit.PressAsync("[data-testid=try]", "Enter");
        ILocator tried = visit.Marked("try-rules").Locator("section").Nth(1).Locator("[data-testid=tried-item]").First;
        await Expect(tried).ToContainTextAsync("Godfather");
        await Expect(tried.Locator("[data-testid=moved]")).ToBeVisibleAsync();
        await visit.PressAsync("[data-testid=save-rules]", "Enter");
        await Expect(visit.Marked("rules-status")).ToContainTextAsync("Saved");

        await using (Visit other = await OpenAsync("/?user=480", "recommendation-card"))
        {
            await Expect(other.Marked("recommendation-card").First.Locator("[data-testid=rule]")).ToHaveTextAsync("pinned");
        }

        await visit.PressAsync("[data-testid=rule] button[aria-label^=Delete]", "Enter");
        await visit.PressAsync("[data-testid=save-rules]", "Enter");
        await Expect(visit.Marked("rules-status")).ToContainTextAsync("Saved");
        await Expect(visit.Marked("rule")).ToHaveCountAsync(0);
        Assert.Empty(visit.Errors);
    }

    private async Task<Visit> OpenAsync(string path, string marker)
    {
        Visit visit = await start.OpenAsync(path);
        await Expect(visit.Marked(marker).First).ToBeAttachedAsync();
        return visit;
    }
}
