using System.Net;
using Bunit;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Versions;

namespace NanoRecSys.UnitTests.Web;

public sealed class VersionsPanelTests : BunitContext
{
    private const string New = "aaaaaaaaaaaa";
    private const string Old = "bbbbbbbbbbbb";
    private static readonly ModelList Two = new(New, null, New, [Version(New), Version(Old)]);

    private readonly FakeApi _api = new();

    public VersionsPanelTests() => Services.AddSingleton(_api
        .On("POST /models/rollback", new ModelChange(Old, New))
        .Client()).AddScoped<EnteredKey>();

    [Fact]
    public void Nothing_is_changed_without_confirmation()
    {
        IRenderedComponent<VersionsPanel> panel = Show(Two);

        panel.Find($"button[aria-label='Publish {Old}']").Click();
        Assert.Contains($"Publish {Old}?", panel.Find("[data-testid=model-action]").TextContent, StringComparison.Ordinal);
        panel.FindAll("[data-testid=model-action] button")[1].Click(); // Cancel

        Assert.Empty(panel.FindAll("[data-testid=model-action]"));
        Assert.Empty(_api.Requests);
    }

    [Fact]
    public void A_confirmed_change_is_made_and_reported()
    {
        IRenderedComponent<VersionsPanel> panel = Show(Two);

        panel.Find("[data-testid=rollback]").Click();
        Assert.Contains($"Roll back to {Old}?", panel.Find("[data-testid=model-action]").TextContent, StringComparison.Ordinal);
        panel.Find("[data-testid=model-action]").Submit();

        Assert.Equal([new("POST /models/rollback", "", "", null)], _api.Requests);
        Assert.Contains($"Switching to {Old}", panel.Find("[role=status].done").TextContent, StringComparison.Ordinal);
    }

    [Fact]
    public void The_key_is_requested_only_if_the_api_requires_one()
    {
        _api.On($"POST /models/{Old}/pin", request => request.Key is not null
            ? (HttpStatusCode.OK, $$"""{"version":"{{Old}}"}""")
            : (HttpStatusCode.Unauthorized, """{"detail":"This call needs a key in the header X-Api-Key."}"""));
        IRenderedComponent<VersionsPanel> panel = Show(Two);
        panel.Find($"button[aria-label='Pin {Old}']").Click();
        Assert.Empty(panel.FindAll("[data-testid=api-key]"));

        panel.Find("[data-testid=model-action]").Submit();
        Assert.Contains("needs a key", panel.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        panel.Find("[data-testid=api-key]").Input("open sesame");
        panel.Find("[data-testid=model-action]").Submit();

        Assert.Equal([null, "open sesame"], _api.Requests.Select(request => request.Key));
        Assert.Empty(panel.FindAll("[data-testid=model-action]"));
    }

    [Fact]
    public void A_refusal_is_shown_in_the_apis_words_and_can_be_retried()
    {
        _api.Fails("POST /models/rollback", HttpStatusCode.Conflict, "No version was published before this one.");
        IRenderedComponent<VersionsPanel> panel = Show(Two);

        panel.Find("[data-testid=rollback]").Click();
        panel.Find("[data-testid=model-action]").Submit();

        Assert.Contains("No version was published before this one.", panel.Find("[role=alert]").TextContent, StringComparison.Ordinal);
        Assert.False(panel.Find("[data-testid=confirm]").HasAttribute("disabled"));
    }

    [Fact]
    public void A_damaged_version_is_marked_and_cannot_be_selected()
    {
        IRenderedComponent<VersionsPanel> panel = Show(Two with { Versions = [Version(New), Version(Old) with { Error = "items.index is missing." }] });

        Assert.Contains("items.index is missing.", panel.Markup, StringComparison.Ordinal);
        Assert.Empty(panel.FindAll($"button[aria-label='Publish {Old}']"));
    }

    [Fact]
    public void A_version_s_figures_are_those_of_what_it_serves_and_not_of_a_better_baseline()
    {
        ModelVersionInfo version = Version(New);
        var baseline = new EvaluationResult("item-knn", "test", 671, 9066, "history", new Dictionary<string, double> { ["hr@10"] = 0.2, ["ndcg@10"] = 0.09 });

        IRenderedComponent<VersionsPanel> panel = Show(Two with { Versions = [version with { Metrics = [baseline, .. version.Metrics] }] });

        Assert.Equal("0.0500", panel.FindAll("[data-testid=version] .number")[0].TextContent);
    }

    [Fact]
    public void Figures_of_a_version_that_was_only_validated_are_shown_and_marked()
    {
        ModelVersionInfo version = Version(New) with
        {
            Metrics = [new EvaluationResult("retriever", "validation", 671, 9066, "history", new Dictionary<string, double> { ["hr@10"] = 0.11, ["ndcg@10"] = 0.061 })],
        };

        IRenderedComponent<VersionsPanel> panel = Show(Two with { Versions = [version] });

        Assert.Equal("0.0610", panel.FindAll("[data-testid=version] .number")[0].TextContent);
        Assert.Contains("validation", panel.Find("[data-testid=version]").TextContent, StringComparison.Ordinal);
    }

    private static ModelVersionInfo Version(string name) => new(
        name, DateTimeOffset.UnixEpoch, "movielens-small", "transformer", null,
        [new EvaluationResult("retriever", "test", 671, 9066, "history", new Dictionary<string, double> { ["hr@10"] = 0.1, ["ndcg@10"] = 0.05 })]);

    private IRenderedComponent<VersionsPanel> Show(ModelList models) => Render<VersionsPanel>(parameters => parameters.Add(panel => panel.Models, models));
}

public sealed class ComparePanelTests : BunitContext
{
    public ComparePanelTests() => Services.AddSingleton(new FakeApi().Client()).AddScoped<EnteredKey>();

    [Fact]
    public void A_difference_beyond_both_intervals_is_marked_as_significant()
    {
        IRenderedComponent<ComparePanel> panel = Show(Version("new", 0.080, 0.20, (0.070, 0.090)), Version("old", 0.050, 0.19, (0.040, 0.060)));

        Assert.Equal(
            ["NDCG@10|0.0500 (0.0400 to 0.0600)|0.0800 (0.0700 to 0.0900)|+0.0300|better", "HR@10|0.1900|0.2000|+0.0100|no interval"],
            panel.FindAll("[data-testid=compared-metric]").Select(row => string.Join('|', row.Children.Select(cell => cell.TextContent))));
    }

    [Fact]
    public void Overlapping_intervals_may_be_chance() => Assert.Equal(
        "may be chance", new ComparedMetric("ndcg@10", 0.05, 0.06, new ConfidenceInterval(0.04, 0.06), new ConfidenceInterval(0.05, 0.07)).Verdict);

    [Fact]
    public void Figures_of_different_parts_of_the_data_are_not_compared()
    {
        ModelVersionInfo validated = Version("new", 0.08, 0.2, (0.07, 0.09));

        IRenderedComponent<ComparePanel> panel = Show(validated with { Metrics = [validated.Metrics[0] with { Split = "validation" }] }, Version("old", 0.05, 0.19, (0.04, 0.06)));

        Assert.Empty(panel.FindAll("[data-testid=compared-metric]"));
        Assert.Contains("on test, the other on validation", panel.Markup, StringComparison.Ordinal);
    }

    [Fact]
    public void The_difference_that_publish_measured_on_the_same_users_is_written_out()
    {
        ModelVersionInfo refused = Version("new", 0.04, 0.18, (0.03, 0.05)) with { Gate = new GateResult("old", "ndcg@10", 600, 0.0512, 0.0401, -0.0182, -0.0041, Refused: true) };

        IRenderedComponent<ComparePanel> panel = Show(refused, Version("old", 0.05, 0.19, (0.04, 0.06)));

        Assert.Equal(
            "On the same 600 users of validation, NDCG@10 of new is 0.0401 and of old 0.0512: a difference of −0.0111 (−0.0182 to −0.0041), worse.",
            panel.Find("[data-testid=paired]").TextContent);
        Assert.Empty(Show(refused with { Gate = refused.Gate! with { Version = "another" } }, Version("old", 0.05, 0.19, (0.04, 0.06))).FindAll("[data-testid=paired]"));
    }

    private static ModelVersionInfo Version(string name, double ndcg, double hits, (double Low, double High) interval) => new(
        name, DateTimeOffset.UnixEpoch, "small", "transformer", null,
        [
            new EvaluationResult("retriever", "test", 671, 9066, "history", new Dictionary<string, double> { ["hr@10"] = hits, ["ndcg@10"] = ndcg })
            {
                Intervals = new Dictionary<string, ConfidenceInterval> { ["ndcg@10"] = new(interval.Low, interval.High) },
            },
        ]);

    private IRenderedComponent<ComparePanel> Show(params ModelVersionInfo[] versions) => Render<ComparePanel>(parameters => parameters.Add(panel => panel.Versions, versions));
}
