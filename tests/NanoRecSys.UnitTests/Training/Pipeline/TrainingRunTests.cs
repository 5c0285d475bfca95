using System.Diagnostics;
using System.Diagnostics.Metrics;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.UnitTests.Training.Pipeline;

public sealed class TrainingRunTests : FolderTests
{
    private readonly ManualTime _time = new();
    private readonly Activity _parent = new("test"); // distinguishes this test's spans from those of parallel tests
    private readonly List<Activity> _spans = [];
    private readonly ActivityListener _listener;

    public TrainingRunTests()
    {
        _parent.Start();
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "NanoRecSys.Training",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = span =>
            {
                if (span.TraceId == _parent.TraceId)
                {
                    _spans.Add(span);
                }
            },
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public override void Dispose()
    {
        _listener.Dispose();
        _parent.Dispose();
        base.Dispose();
    }

    private IReadOnlyList<ProgressEvent> Events => ProgressLog.Read(Folder.File("runs/20260102-030405-000"));

    [Fact]
    public async Task A_run_counts_and_measures_its_stages_and_ends_completed()
    {
        IReadOnlyList<(string, TimeSpan)> timings = [];
        await ExecuteAsync(async run =>
        {
            await run.StageAsync("prepare", _ => Wait(3));
            await run.StageAsync("evaluate", _ => Wait(1));
            timings = run.Timings;
        });

        Assert.Equal([("prepare", TimeSpan.FromSeconds(3)), ("evaluate", TimeSpan.FromSeconds(1))], timings);
        Assert.Equal([("prepare", 1, "running"), ("evaluate", 2, "running"), ("evaluate", 2, "completed")], Events.Select(e => (e.Stage, e.StageNumber, e.State)));
        Assert.All(Events, e => Assert.Equal(2, e.StageCount));
        Assert.Equal(["prepare", "evaluate", "run"], _spans.Select(span => span.OperationName));
        Assert.Equal([_spans[2].SpanId, _spans[2].SpanId, _parent.SpanId], _spans.Select(span => span.ParentSpanId));
        Assert.All(_spans, span => Assert.Equal(ActivityStatusCode.Unset, span.Status));
    }

    [Fact]
    public async Task A_failing_run_ends_failed_with_the_reason()
    {
        await Assert.ThrowsAsync<UserErrorException>(() => ExecuteAsync(run => run.StageAsync<int>("prepare", _ => throw new UserErrorException("No ratings."))));

        Assert.Equal(("failed", "prepare", "No ratings."), (Events[^1].State, Events[^1].Stage, Events[^1].Message));
        Assert.Equal([("prepare", ActivityStatusCode.Error, "No ratings."), ("run", ActivityStatusCode.Error, "No ratings.")],
            _spans.Select(span => (span.OperationName, span.Status, span.StatusDescription)));
    }

    [Fact]
    public async Task A_cancelled_run_ends_as_cancelled()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ExecuteAsync(run => run.StageAsync<int>("prepare", _ => throw new OperationCanceledException())));

        Assert.Equal(("failed", "Cancelled."), (Events[^1].State, Events[^1].Message));
    }

    [Fact]
    public async Task A_stages_time_is_recorded_in_seconds_under_its_name()
    {
        List<(double Seconds, object? Stage)> recorded = [];
        using var meters = new MeterListener();
        meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Name == "nanorecsys.training.stage.duration")
            {
                listener.EnableMeasurementEvents(instrument);
            }
        };
        meters.SetMeasurementEventCallback<double>((_, seconds, tags, _) =>
        {
            lock (recorded)
            {
                recorded.Add((seconds, Assert.Single(tags.ToArray(), tag => tag.Key == "stage").Value));
            }
        });
        meters.Start();

        await ExecuteAsync(run => run.StageAsync("stage-of-this-test", _ => Wait(3)));

        lock (recorded)
        {
            Assert.Equal([(3, (object?)"stage-of-this-test")], recorded.Where(measurement => measurement.Stage is "stage-of-this-test"));
        }
    }

    private Task<int> Wait(double seconds)
    {
        _time.Advance(seconds);
        return Task.FromResult(0);
    }

    private Task ExecuteAsync(Func<TrainingRun, Task> work)
    {
        var context = new StepContext(new Workspace(new ArtifactStore(Folder.Path), "set"), 42, new Progress<ProgressEvent>(), CancellationToken.None);
        return TrainingRun.ExecuteAsync(context, new RunConsole(TextWriter.Null, TextWriter.Null, json: false), 2, _time, work);
    }
}

public sealed class StepReporterTests : FolderTests
{
    private readonly ManualTime _time = new();
    private readonly StringWriter _lines = new();
    private readonly StepReporter _reporter;

    public StepReporterTests() => _reporter = new StepReporter(
        Folder.File("run-1"), new ProgressEvent { Run = "run-1", Stage = "train-retriever", StageNumber = 2, StageCount = 8 }, new LineDisplay("train-retriever", _lines, _time), _time);

    private IReadOnlyList<ProgressEvent> Events => ProgressLog.Read(Folder.File("run-1"));

    public override void Dispose()
    {
        _lines.Dispose();
        base.Dispose();
    }

    [Fact]
    public void Reports_in_quick_succession_are_logged_twice_a_second_at_most()
    {
        for (int i = 0; i < 100; i++) // ten seconds
        {
            _reporter.Report(new ProgressEvent { Fraction = i / 100.0 });
            _time.Advance(0.1);
        }

        Assert.Equal(20, Events.Count);
    }

    [Fact]
    public void Metrics_and_messages_are_always_logged()
    {
        _reporter.Report(new ProgressEvent { Fraction = 0.1 });
        _reporter.Report(new ProgressEvent { Fraction = 0.2, Metrics = new Dictionary<string, double> { ["hr@10"] = 0.25 } });
        _reporter.Report(new ProgressEvent { Fraction = 0.3, Message = "stopped early" });
        _reporter.Report(new ProgressEvent { Fraction = 0.4 });

        Assert.Equal([0.1, 0.2, 0.3], Events.Select(e => e.Fraction!.Value));
        Assert.Equal(0.25, Events[1].Metrics!["hr@10"]);
    }

    [Fact]
    public void An_event_says_which_stage_of_which_run_it_is()
    {
        _reporter.Report(new ProgressEvent { Epoch = 3, Loss = 6.5, SequencesPerSecond = 900 });

        ProgressEvent logged = Assert.Single(Events);
        Assert.Equal(("run-1", "running", "train-retriever", 2, 8), (logged.Run, logged.State, logged.Stage, logged.StageNumber, logged.StageCount));
        Assert.Equal((3, 6.5, 900.0), (logged.Epoch, logged.Loss, logged.SequencesPerSecond));
    }

    [Theory]
    [InlineData(30, 0.25, null, 90)]
    [InlineData(10, 0.6, 0.5, 40)] // the share that an earlier attempt did is not counted as done in these seconds
    public void The_time_left_follows_from_the_share_that_is_done(double seconds, double fraction, double? resumedAt, double left)
    {
        _time.Advance(seconds);
        _reporter.Report(new ProgressEvent { Fraction = fraction, ResumedAt = resumedAt ?? 0 });

        Assert.Equal(left, Assert.Single(Events).RemainingSeconds!.Value, 6);
    }

    [Fact]
    public void Lines_come_every_two_seconds_and_for_every_message()
    {
        for (int i = 0; i < 50; i++) // five seconds
        {
            _reporter.Report(new ProgressEvent { Fraction = i / 50.0, Epoch = 1, Loss = 5 });
            _time.Advance(0.1);
        }

        _reporter.Report(new ProgressEvent { Message = "done" });

        string[] lines = _lines.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(
            ["train-retriever: 0% | epoch 1 | loss 5.000", "train-retriever: 40% | epoch 1 | loss 5.000 | 3.0 s left",
             "train-retriever: 80% | epoch 1 | loss 5.000 | 1.0 s left", "train-retriever: done"], lines);
    }

    [Fact]
    public void Repeated_messages_and_details_are_throttled()
    {
        for (int i = 0; i < 30; i++) // three seconds
        {
            _reporter.Report(new ProgressEvent { Fraction = i / 30.0, Message = "encoding", Detail = $"{i} of 30 users" });
            _time.Advance(0.1);
        }

        string[] lines = _lines.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.Equal(["train-retriever: 0% | 0 of 30 users | encoding", "train-retriever: 67% | 20 of 30 users | 1.0 s left | encoding"], lines);
    }

    [Fact]
    public void Progress_never_goes_back()
    {
        foreach (double fraction in new[] { 0.8, 0.1, 0.7, 0.9 })
        {
            _time.Advance(1);
            _reporter.Report(new ProgressEvent { Fraction = fraction });
        }

        Assert.Equal([0.8, 0.8, 0.8, 0.9], Events.Select(logged => logged.Fraction!.Value));
    }
}
