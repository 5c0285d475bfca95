using Bunit;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Versions;

namespace NanoRecSys.UnitTests.Web;

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
