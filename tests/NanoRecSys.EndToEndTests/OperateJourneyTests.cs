using System.Text.RegularExpressions;
using NanoRecSys.Contracts;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.EndToEndTests;

/// <summary>An operator's tasks: see where time goes, and decide which version is served.</summary>
public sealed class OperateJourneyTests(FirstStart start)
{
    [Fact]
    public async Task Window_stage_and_order_of_the_telemetry_are_chosen_by_keyboard_and_kept_in_the_address()
    {
        await using Visit visit = await start.OpenAsync("/?user=3"); // At least one request.
        await visit.Marked("recommendation-card").First.WaitForAsync();
        await visit.OpenAsync("/telemetry");

        await ChooseAsync(visit, visit.Marked("window-select").GetByText("30 min"), "minutes=30");
        await ChooseAsync(visit, visit.Page.Locator("[data-testid=telemetry-stage-row][data-stage='cache.get'] a"), "stage=cache.get");
        await ChooseAsync(visit, visit.Marked("order-select").GetByText("newest"), "order=newest");

        await Expect(visit.Marked("latency-chart")).ToHaveAttributeAsync("data-stage", "cache.get");
        await Expect(visit.Marked("telemetry-version-row").First).ToBeVisibleAsync();
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_request_opens_by_keyboard_and_shows_which_services_worked_on_it()
    {
        await using Visit visit = await start.OpenAsync("/?user=5");
        await visit.Marked("recommendation-card").First.WaitForAsync();
        await Expect(visit.Marked("timing-waterfall").First).ToBeVisibleAsync();
        string request = (await visit.Marked("request-id").First.InnerTextAsync()).Trim();
        await visit.OpenAsync("/telemetry?order=newest"); // by default the slowest come first, and this one may be fast
        await Expect(visit.Marked("telemetry-stage-row").First).ToBeVisibleAsync();

        ILocator row = visit.Page.Locator($"[data-testid=telemetry-request][data-request='{request}']");
        await row.Locator("button").PressAsync("Enter");

        await Expect(row.Locator("[data-testid=trace-waterfall]")).ToBeVisibleAsync();
        await Expect(row.Locator("[data-testid=trace-waterfall] .part").First).ToHaveTextAsync("Web"); // The page made the request.
        await Expect(row.Locator("[data-testid=trace-waterfall] [data-stage=recommend] .part")).ToHaveTextAsync("API");
        await Expect(row.Locator("[data-testid=trace-waterfall] [data-stage='cache.get'] .part")).ToHaveTextAsync(new Regex("Redis|API"));
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_versions_show_their_click_through_rates()
    {
        await using Visit visit = await start.OpenAsync("/?user=23");
        await visit.Marked("recommendation-card").First.Locator("[data-testid=card-action]").PressAsync("Enter");
        await Expect(visit.Marked("watched-note")).ToBeVisibleAsync();

        await visit.OpenAsync("/training");

        await Expect(visit.Marked("outcomes").Locator("div:not([title^='0 of'])").First).ToContainTextAsync("% (");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task A_newly_published_version_is_served_compared_and_rolled_back_by_keyboard()
    {
        await using Visit visit = await start.OpenAsync("/training");
        ILocator first = visit.Marked("version").First; // The newest.
        (string before, ILocator old) = await ServedAsync(visit);

        await PublishAnotherAsync(start.Artifacts);
        await Expect(old).Not.ToContainTextAsync("served"); // The page updates without a reload.
        await Expect(first).ToContainTextAsync("served");
        await Expect(first).Not.ToHaveAttributeAsync("data-version", before);

        await visit.TabToAsync("[data-testid=compared-user]");
        await visit.Page.Keyboard.TypeAsync("15");
        await Expect(visit.Marked("option").First).ToContainTextAsync("15");
        await visit.Page.Keyboard.PressAsync("Enter");
        await Expect(visit.Marked("version-lists").Locator("section")).ToHaveCountAsync(2);
        await Expect(visit.Marked("compared-item")).ToHaveCountAsync(20);

        await visit.PressAsync("[data-testid=rollback]", "Enter");
        await Expect(visit.Marked("model-action")).ToContainTextAsync("trained on the same data");
        await Expect(visit.Marked("model-action")).ToBeFocusedAsync(); // the page moves the focus after it appears
        await visit.PressAsync("[data-testid=confirm]", "Enter");
        await Expect(old).ToContainTextAsync("served");
        await Expect(first).Not.ToContainTextAsync("served");
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_training_page_keeps_the_run_its_curve_and_the_plots_of_the_version()
    {
        await using Visit visit = await start.OpenAsync("/training");
        await Expect(visit.Marked("training-progress")).ToHaveAttributeAsync("data-state", "completed");
        await Expect(visit.Marked("validation-table").Locator("tbody tr").First).ToBeVisibleAsync();

        ILocator plot = visit.Page.Locator("img[src*='/plots/']").First;
        await plot.ScrollIntoViewIfNeededAsync();
        await plot.EvaluateAsync("image => image.decode()"); // Fails if it is not an image.
        Assert.Empty(visit.Errors);
    }

    [Fact]
    public async Task The_race_of_the_served_version_is_a_table_with_the_chosen_candidate()
    {
        await using Visit visit = await start.OpenAsync("/training");
        (string name, _) = await ServedAsync(visit);
        var store = new ArtifactStore(start.Artifacts);
        Manifest before = store.ReadManifest(name);
        // As 'auto' writes it; running its race would take minutes.
        RaceFigures ease = new(0.12, 0.0712, new ConfidenceInterval(0.06, 0.08), 0, default, 4.2, IsChosen: true);
        var figures = new Dictionary<string, RaceFigures> { ["retriever"] = ease with { Ndcg10 = 0.0602, Behind = 0.011, IsChosen = false }, ["ease"] = ease };
        try
        {
            ManifestFile.Write(store.FolderOf(name), before with { Race = new RaceInfo("ease is the best on validation.", 671, figures, ["popularity is left out."]) });

            await Expect(visit.Marked("candidate").First).ToContainTextAsync("ease chosen");
            await Expect(visit.Marked("candidate").Last).ToContainTextAsync("0.0602");
            await Expect(visit.Marked("race")).ToContainTextAsync("popularity is left out");
        }
        finally
        {
            ManifestFile.Write(store.FolderOf(name), before);
        }

        Assert.Empty(visit.Errors);
    }

    private static async Task<(string Name, ILocator Row)> ServedAsync(Visit visit)
    {
        ILocator served = visit.Marked("version").Filter(new() { Has = visit.Marked("served") });
        string name = await served.GetAttributeAsync("data-version") ?? "";
        return (name, visit.Page.Locator($"[data-testid=version][data-version='{name}']"));
    }

    // Different content, so another version. Deletes its run: other tests expect the first run on the training page.
    private static async Task PublishAnotherAsync(string artifacts)
    {
        using Process publish = Process.Start(new ProcessStartInfo(
            "dotnet", [BuiltStack.Training, "publish", "--artifacts", artifacts, "--user-embeddings", "none"])
        { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task progress = publish.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        string errors = await publish.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await progress;
        await publish.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.True(publish.ExitCode == 0, errors);
        Directory.Delete(Directory.EnumerateDirectories(Path.Combine(artifacts, "runs")).Max()!, recursive: true);
    }

    private static async Task ChooseAsync(Visit visit, ILocator link, string address)
    {
        await link.PressAsync("Enter");
        await visit.ExpectAddressAsync(address);
        await Expect(link).ToHaveAttributeAsync("aria-current", "true"); // The address changes first; the other links follow when the page renders.
    }
}
