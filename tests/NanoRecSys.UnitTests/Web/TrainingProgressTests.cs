using Bunit;
using Microsoft.AspNetCore.Components;
using Microsoft.Extensions.DependencyInjection;
using NanoRecSys.Web.Client;
using NanoRecSys.Web.Components.Data;
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

/// <summary>Literal progress events.</summary>
internal static class Runs
{
    private static readonly DateTimeOffset Start = new(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);

    public static ProgressEvent Event(int second, int stage, string name, string state = ProgressEvent.Running) => new()
    {
        Time = Start.AddSeconds(second),
        Run = "20260102-030405-000",
        State = state,
        Stage = name,
        StageNumber = stage,
        StageCount = 3,
    };

    public static RunView Of(params ProgressEvent[] events) => RunView.From(new TrainingStatus("20260102-030405-000", events))!;
}

public sealed class RunViewTests
{
    [Fact]
    public void Before_the_first_event_there_is_no_run()
    {
        Assert.Null(RunView.From(new TrainingStatus(null, [])));
    }

    [Fact]
    public void Stages_before_the_newest_are_done_and_later_ones_pending()
    {
        RunView run = Runs.Of(Runs.Event(0, 1, "prepare"), Runs.Event(1, 2, "train-retriever"));

        Assert.Equal(
            [new(1, "prepare", StepState.Done), new(2, "train-retriever", StepState.Active), new(3, "step 3", StepState.Coming)],
            run.Steps);
    }

    [Fact]
    public void A_failure_marks_its_stage()
    {
        RunView run = Runs.Of(Runs.Event(0, 1, "prepare"), Runs.Event(1, 2, "train-retriever", ProgressEvent.Failed));

        Assert.Equal([StepState.Done, StepState.Failed, StepState.Coming], run.Steps.Select(step => step.State));
    }

    [Fact]
    public void Losses_are_those_of_the_running_stage()
    {
        RunView run = Runs.Of(
            Runs.Event(0, 1, "train-retriever") with { Step = 10, Loss = 9 },
            Runs.Event(1, 1, "train-retriever") with { Step = 11, Loss = 8 },
            Runs.Event(2, 2, "train-ranker") with { Step = 5, Loss = 0.7 });

        Assert.Equal("train-ranker", run.Losses!.Stage);
    }

    [Fact]
    public void Validation_lists_rankings_of_the_catalog_only()
    {
        RunView run = Runs.Of(
            Runs.Event(0, 1, "train-retriever") with { Epoch = 1, Metrics = new Dictionary<string, double> { ["hr@10"] = 0.1, ["ndcg@10"] = 0.05 } },
            Runs.Event(1, 2, "train-ranker") with { Epoch = 1, Metrics = new Dictionary<string, double> { ["auc"] = 0.8 } });

        Assert.Equal(["train-retriever"], run.Validation.Select(progress => progress.Stage));
    }

    [Fact]
    public void A_step_with_a_counter_is_listed_once_with_its_last_number()
    {
        RunView run = Runs.Of(
            Runs.Event(0, 1, "prepare") with { Message = "100,004 interactions" },
            Runs.Event(1, 2, "publish") with { Message = "64 of 671 users encoded" },
            Runs.Event(2, 2, "publish") with { Message = "671 of 671 users encoded" },
            Runs.Event(3, 2, "publish") with { Message = "the item map" },
            Runs.Event(4, 2, "publish") with { Message = "the item map" });

        Assert.Equal(["the item map", "671 of 671 users encoded", "100,004 interactions"], run.Messages.Select(progress => progress.Message));
    }

    [Fact]
    public void Between_trainings_losses_are_those_of_the_stage_that_reported_most()
    {
        RunView run = Runs.Of(
            Runs.Event(0, 1, "train-retriever") with { Step = 10, Loss = 9 },
            Runs.Event(1, 2, "train-ranker") with { Step = 5, Loss = 0.7 },
            Runs.Event(2, 2, "train-ranker") with { Step = 6, Loss = 0.6 },
            Runs.Event(3, 3, "publish"));

        Assert.Equal("train-ranker", run.Losses!.Stage);
        Assert.Equal([new(5, 0.7), new(6, 0.6)], run.Losses.Points);
    }

    [Fact]
    public void A_long_history_is_downsampled_but_keeps_its_ends()
    {
        ProgressEvent[] events = [.. Enumerable.Range(0, 1000).Select(i => Runs.Event(i, 1, "train-retriever") with { Step = i, Loss = 1000 - i })];

        IReadOnlyList<LossPoint> points = LossHistory.From(events)!.Points;

        Assert.Equal(240, points.Count);
        Assert.Equal(new LossPoint(0, 1000), points[0]);
        Assert.Equal(new LossPoint(999, 1), points[^1]);
    }

    [Fact]
    public void Steps_increase_to_the_right_and_the_lowest_loss_is_at_the_bottom()
    {
        LossCurveShape shape = LossCurveShape.From([new(0, 8), new(10, 4), new(20, 6)])!;

        Assert.Equal("0,8 300,172 600,90", shape.Line); // 600 by 180, 8 of margin above and below.
        Assert.Equal((8, 4), (shape.Highest, shape.Lowest));
    }

    [Fact]
    public void A_single_loss_is_not_a_curve()
    {
        Assert.Null(LossCurveShape.From([new(0, 8)]));
    }
}

public sealed class RunCurvesTests
{
    [Fact]
    public void Runs_share_one_scale_of_epochs_and_figures()
    {
        RunCurves curves = RunCurves.From([Run("a", 0.1, 0.2, 0.4), Run("b", 0.2)]);

        Assert.Equal((0.4, 3), (curves.Highest, curves.LastEpoch));
        Assert.Equal([("a", "0,74.5 50,51 100,4"), ("b", "0,51 0,51")], curves.Lines);
    }

    [Fact]
    public void Runs_that_measured_nothing_have_no_line() => Assert.Empty(RunCurves.From([Run("a")]).Lines);

    private static RunSummary Run(string name, params double[] ndcg) => new(
        name, "completed", "publish", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null, null, null,
        [.. ndcg.Select((value, i) => new EpochFigures(i + 1, null, value))]);
}

public sealed class FirstTrainingTests : BunitContext
{
    [Fact]
    public void A_failed_training_says_why_once_and_how_to_start_again()
    {
        FakeApi api = new FakeApi().On("GET /training/progress", new TrainingStatus("run", [Runs.Event(9, 1, "prepare", ProgressEvent.Failed) with { Message = "ratings.csv line 812: no rating." }]));
        Services.AddSingleton(_ => api.Client());
        Services.AddSingleton(services => new Feeds(services, TimeProvider.System));
        SetRendererInfo(new RendererInfo("Server", isInteractive: true));

        IRenderedComponent<FirstTraining> page = Render<FirstTraining>();

        page.WaitForAssertion(() => Assert.Equal("Training failed", page.Find("h1").TextContent));
        Assert.Single(page.Markup.Split("line 812").Skip(1));
        Assert.Contains("dotnet run --project NanoRecSys.Training -- run", page.Find("code").TextContent, StringComparison.Ordinal);
        Assert.DoesNotContain("Recommendations appear", page.Markup, StringComparison.Ordinal);
    }
}

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

public sealed class DataBoardTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 29, 19, 0, 0, TimeSpan.Zero);
    private static readonly WatchStatus Watch = new("small", Now) { Schedule = "0 3 * * *", Next = Now.AddHours(8), AfterEvents = 5_000, NewEvents = 1_200 };

    public static TheoryData<WatchStatus?, string, string?> Statuses { get; } = new()
    {
        { null, "manual", "no schedule" },
        { Watch, "30 Nov 03:00", "UTC, or at 5,000 new events (1,200 so far)" },
        { Watch with { AfterEvents = null }, "30 Nov 03:00", "UTC, 1,200 new events so far" },
        { Watch with { Schedule = null, Next = null }, "by events", "at 5,000 new events (1,200 so far)" },
        { Watch with { Problem = "Redis does not answer." }, "30 Nov 03:00", "UTC, events cannot be counted" },
        { Watch with { Training = true, Next = null, Updated = Now.AddHours(-1) }, "running", "since 29 Nov 18:00 UTC" },
        { Watch with { Running = false }, "stopped", "since 29 Nov 19:00 UTC" },
        { Watch with { Updated = Now.AddMinutes(-3) }, "stopped", "silent since 29 Nov 18:57 UTC" }, // the process was killed
    };

    [Theory]
    [MemberData(nameof(Statuses))]
    public void The_next_training_is_read_from_the_status_of_watch(WatchStatus? watch, string when, string? why) => Assert.Equal((when, why), DataBoard.Next(watch, Now));
}
