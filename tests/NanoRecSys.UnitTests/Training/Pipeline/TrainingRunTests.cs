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
