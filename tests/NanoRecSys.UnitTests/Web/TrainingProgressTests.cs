using Bunit;
using NanoRecSys.Web.Components.Training;

namespace NanoRecSys.UnitTests.Web;

public sealed class TrainingProgressTests : BunitContext
{
    [Fact]
    public void A_running_stage_shows_its_share_speed_time_left_and_figures()
    {
        var page = Show(Runs.Event(65, 2, "train-retriever") with
        {
            Fraction = 0.427,
            Epoch = 3,
            SequencesPerSecond = 412.3,
            RemainingSeconds = 95,
            Metrics = new Dictionary<string, double> { ["hr@10"] = 0.1043, ["ndcg@10"] = 0.0568 },
        });

        Assert.Contains("Stage 2 of 3: train-retriever", page.Find(".what").TextContent, StringComparison.Ordinal);
        Assert.Equal("42", page.Find("[role=progressbar]").GetAttribute("aria-valuenow"));
        Assert.Contains("width:42.7%", page.Find("[role=progressbar] i").GetAttribute("style"), StringComparison.Ordinal);
        string figures = page.Find(".figures").TextContent;
        Assert.Contains("1 min 35 s", figures, StringComparison.Ordinal);
        Assert.Contains("412", figures, StringComparison.Ordinal);
        Assert.Contains("1 min 05 s", figures, StringComparison.Ordinal); // running since the first event
        Assert.Equal(["3", "0.1043", "0.0568"], page.FindAll("[data-testid=validation-table] td").Select(cell => cell.TextContent));
    }

    [Fact]
    public void Figures_of_one_of_several_networks_name_it()
    {
        var page = Show(Runs.Event(65, 2, "train-retriever") with { Epoch = 3, Metrics = new Dictionary<string, double> { ["hr@10"] = 0.1043 }, Message = "member 2 of 2" });

        Assert.Equal(["3 member 2 of 2", "0.1043"], page.FindAll("[data-testid=validation-table] td").Select(cell => cell.TextContent));
    }

    [Fact]
    public void A_stage_without_a_known_share_shows_an_indefinite_bar()
    {
        var page = Show(Runs.Event(1, 1, "prepare"));

        Assert.Contains("unknown", page.Find("[role=progressbar]").ClassList);
        Assert.Null(page.Find("[role=progressbar]").GetAttribute("aria-valuenow"));
    }

    [Fact]
    public void A_finished_run_shows_a_full_bar_and_its_duration()
    {
        var page = Show(Runs.Event(133, 3, "publish", ProgressEvent.Completed));

        Assert.Equal("completed", page.Find("[data-testid=training-progress]").GetAttribute("data-state"));
        Assert.Equal(3, page.FindAll("[data-testid=training-step].done").Count);
        Assert.Contains("2 min 13 s", page.Find(".figures").TextContent, StringComparison.Ordinal);
        Assert.Empty(page.FindAll("[data-testid=error-state]"));
        Assert.DoesNotContain("No figures yet", page.Markup, StringComparison.Ordinal); // no figures will follow
    }

    [Fact]
    public void A_failed_run_shows_the_reason()
    {
        var page = Show(Runs.Event(9, 1, "prepare", ProgressEvent.Failed) with { Message = "ratings.csv line 812: no rating." });

        Assert.Contains("ratings.csv line 812: no rating.", page.Find("[data-testid=error-state]").TextContent, StringComparison.Ordinal);
        Assert.Single(page.FindAll("[data-testid=training-step].failed"));
    }

    private IRenderedComponent<TrainingProgress> Show(ProgressEvent newest) => Render<TrainingProgress>(parameters => parameters
        .Add(page => page.Run, Runs.Of(Runs.Event(0, 1, "prepare"), newest)));
}
