using Bunit;
using NanoRecSys.Web.Components.Training;

namespace NanoRecSys.UnitTests.Web;

public sealed class ComparisonPanelTests : BunitContext
{
    [Fact]
    public void Our_figure_is_sorted_by_ndcg_among_published_ones_of_the_same_data()
    {
        string[] models = [.. Show("ml-1m-sequences").FindAll("tbody tr").Select(row => row.Children[0].TextContent)];

        // .1930 of LRURec, ours .1920, .1902 of SASRec
        Assert.Equal(["LRURec", "retriever", "SASRec, full softmax"], models.SkipWhile(model => model != "LRURec").Where(model => !model.StartsWith("HSTU", StringComparison.Ordinal)).Take(3));
    }

    [Fact]
    public void Our_figure_says_what_the_ranking_left_out() =>
        Assert.Contains("6,040 users, last 200 items excluded", Show("ml-1m-sequences").Markup, StringComparison.Ordinal);

    [Fact]
    public void Figures_of_other_sequences_are_marked() =>
        Assert.Contains("*", Show("ml-1m").FindAll("tbody tr").Single(row => row.Children[0].TextContent == "LRURec").Children[3].TextContent, StringComparison.Ordinal);

    [Fact]
    public void Data_without_published_figures_has_no_comparison()
    {
        IRenderedComponent<ComparisonPanel> panel = Show("movielens-small");

        Assert.Empty(panel.FindAll("table"));
        Assert.Contains("No published benchmark for movielens-small", panel.Markup, StringComparison.Ordinal);
    }

    private IRenderedComponent<ComparisonPanel> Show(string dataset) => Render<ComparisonPanel>(parameters => parameters.Add(
        panel => panel.Version,
        new ModelVersionInfo("aaaaaaaaaaaa", null, dataset, null, null,
            [new EvaluationResult("retriever", "test", 6040, 3416, "window", new Dictionary<string, double> { ["hr@10"] = 0.33, ["ndcg@10"] = 0.1920 }) { Window = 200 }])));
}
