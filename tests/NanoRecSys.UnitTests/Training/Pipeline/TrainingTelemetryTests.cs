using System.Diagnostics;
using System.Diagnostics.Metrics;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.UnitTests.Training.Pipeline;

public sealed class TrainingTelemetryTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly ManualTime _time = new();
    private readonly Activity _parent = new("test"); // Tells this test's spans from those of tests beside it.
    private readonly List<Activity> _spans = [];
    private readonly ActivityListener _listener;

    public TrainingTelemetryTests()
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

    public void Dispose()
    {
        _listener.Dispose();
        _parent.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Each_stage_is_a_span_below_the_span_of_the_run()
    {
        await ExecuteAsync(async run =>
        {
            await run.StageAsync("prepare", _ => Task.FromResult(0));
            await run.StageAsync("evaluate", _ => Task.FromResult(0));
        });

        Assert.Equal(["prepare", "evaluate", "run"], _spans.Select(span => span.OperationName));
        Assert.Equal([_spans[2].SpanId, _spans[2].SpanId, _parent.SpanId], _spans.Select(span => span.ParentSpanId));
        Assert.All(_spans, span => Assert.Equal(ActivityStatusCode.Unset, span.Status));
    }

    [Fact]
    public async Task A_failing_stage_is_a_failed_span_with_the_reason()
    {
        await Assert.ThrowsAsync<UserErrorException>(() => ExecuteAsync(run => run.StageAsync<int>("prepare", _ => throw new UserErrorException("No ratings."))));

        Assert.Equal([("prepare", ActivityStatusCode.Error, "No ratings."), ("run", ActivityStatusCode.Error, "No ratings.")],
            _spans.Select(span => (span.OperationName, span.Status, span.StatusDescription)));
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

        await ExecuteAsync(run => run.StageAsync("stage-of-this-test", _ =>
        {
            _time.Advance(3);
            return Task.FromResult(0);
        }));

        lock (recorded)
        {
            Assert.Equal([(3, (object?)"stage-of-this-test")], recorded.Where(measurement => measurement.Stage is "stage-of-this-test"));
        }
    }

    private Task ExecuteAsync(Func<TrainingRun, Task> work)
    {
        var context = new StepContext(new Workspace(new ArtifactStore(_folder.Path), "set"), 42, new Progress<ProgressEvent>(), CancellationToken.None);
        return TrainingRun.ExecuteAsync(context, new RunConsole(TextWriter.Null, TextWriter.Null, json: false), 2, _time, work);
    }
}
