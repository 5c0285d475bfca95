using NanoRecSys.Web.Components.Training;

namespace NanoRecSys.UnitTests.Web;

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
