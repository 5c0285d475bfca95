namespace NanoRecSys.Training.Pipeline;

/// <summary>
/// One run of one or more stages: shows, logs and measures their progress, and ends its log with <c>completed</c>, or with
/// <c>failed</c> and the reason.
/// </summary>
internal sealed class TrainingRun
{
    private readonly TimeProvider _time;
    private readonly string _folder;
    private readonly List<(string Stage, TimeSpan Took)> _timings = [];
    private ProgressEvent _stage;

    private TrainingRun(StepContext context, RunConsole console, int stages, TimeProvider time)
    {
        (Context, Console, _time) = (context, console, time);
        string name = $"{time.GetUtcNow():yyyyMMdd-HHmmss-fff}";
        _folder = Path.Combine(context.Workspace.Store.RunsFolder, name);
        _stage = new ProgressEvent { Run = name, Dataset = context.Workspace.Dataset, Stage = "start", StageNumber = 0, StageCount = stages };
    }

    public StepContext Context { get; }

    public RunConsole Console { get; }

    public IReadOnlyList<(string Stage, TimeSpan Took)> Timings => _timings;

    /// <summary>Total number of stages, including finished ones.</summary>
    public int StageCount
    {
        get => _stage.StageCount;
        set => _stage = _stage with { StageCount = value };
    }

    public static async Task ExecuteAsync(StepContext context, RunConsole console, int stages, TimeProvider time, Func<TrainingRun, Task> work)
    {
        var run = new TrainingRun(context, console, stages, time);
        using Activity? span = TrainingTelemetry.StartSpan("run");
        try
        {
            await work(run);
            run.End(ProgressEvent.Completed, null);
        }
        catch (Exception e)
        {
            run.End(ProgressEvent.Failed, e is OperationCanceledException ? "Cancelled." : e.FirstLine());
            span.Fail(e);
            TrainingTelemetry.RecordFailure(e);
            throw;
        }
    }

    /// <summary>Counts the next stage as done, because an earlier attempt ran it.</summary>
    public void Skip() => _stage = _stage with { StageNumber = _stage.StageNumber + 1 };

    /// <summary>Runs the next stage.</summary>
    public async Task<T> StageAsync<T>(string name, Func<StepContext, Task<T>> step)
    {
        _stage = _stage with { Stage = name, StageNumber = _stage.StageNumber + 1 };
        long started = _time.GetTimestamp();
        using Activity? span = TrainingTelemetry.StartSpan(name);
        await using IStageDisplay display = Console.Open(name, _time);
        var reporter = new StepReporter(_folder, _stage, display, _time);
        reporter.Report(new ProgressEvent { Fraction = 0 });
        T result;
        try
        {
            // On a worker thread, so that the progress bar is redrawn during long computations.
            result = await Task.Run(() => step(Context with { Progress = reporter }), Context.Cancellation);
        }
        catch (Exception e)
        {
            span.Fail(e);
            throw;
        }

        TimeSpan took = _time.GetElapsedTime(started);
        TrainingTelemetry.RecordStage(name, took);
        _timings.Add((name, took));
        return result;
    }

    private void End(string state, string? message) => ProgressLog.Append(_folder, _stage with
    {
        Time = _time.GetUtcNow(),
        State = state,
        Fraction = state == ProgressEvent.Completed ? 1 : null,
        Message = message,
    });
}

/// <summary>Input of every step besides its own options.</summary>
/// <param name="Workspace">Its input and output folders.</param>
/// <param name="Seed">Seed of all its randomness.</param>
/// <param name="Progress">Progress sink; the receiver throttles.</param>
/// <param name="Cancellation">Ctrl+C: the step stops soon and keeps its last checkpoint.</param>
internal sealed record StepContext(Workspace Workspace, long Seed, IProgress<ProgressEvent> Progress, CancellationToken Cancellation)
{
    /// <summary>CPU threads to compute with.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Torch device to train on: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, ...</summary>
    public string Device { get; init; } = "cpu";
}

/// <summary>Passes a step's reports to the console and to the run's <c>progress.jsonl</c>.</summary>
/// <param name="runFolder"><c>artifacts/runs/RUN</c>; null if no run is logged.</param>
/// <param name="stage">Names the run and the stage.</param>
/// <param name="time">For the intervals and the estimate of the time left.</param>
internal sealed class StepReporter(string? runFolder, ProgressEvent stage, IStageDisplay display, TimeProvider time) : IProgress<ProgressEvent>
{
    // The web page polls about once a second.
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(0.5);

    private const double LeastDone = 0.01; // less is not enough to extrapolate from

    private readonly Lock _gate = new(); // steps report from worker threads, too
    private readonly long _started = time.GetTimestamp();
    private long? _logged;
    private double _done;

    public void Report(ProgressEvent value)
    {
        lock (_gate)
        {
            _done = Math.Max(_done, value.Fraction ?? 0); // parts of a step may overlap, but progress never decreases
            value = value with
            {
                Time = time.GetUtcNow(),
                Run = stage.Run,
                Dataset = stage.Dataset,
                Stage = stage.Stage,
                StageNumber = stage.StageNumber,
                StageCount = stage.StageCount,
                Fraction = value.Fraction is null ? null : _done,
            };
            value = value with { RemainingSeconds = Remaining(value) };
            display.Show(value);
            bool isDue = _logged is null || time.GetElapsedTime(_logged.Value) >= LogInterval;
            if (runFolder is not null && (isDue || value.Metrics is not null || value.Message is not null))
            {
                _logged = time.GetTimestamp();
                ProgressLog.Append(runFolder, value with { Message = value.Message ?? value.Detail });
                TrainingTelemetry.RecordProgress(stage.Stage, value);
            }
        }
    }

    private double? Remaining(ProgressEvent value) =>
        value.Fraction is <= 1 and { } fraction && fraction - value.ResumedAt > LeastDone
            ? (time.GetElapsedTime(_started) * ((1 - fraction) / (fraction - value.ResumedAt))).TotalSeconds
            : null;
}

/// <summary>Calls an action with each report at once, on the reporting thread; <see cref="Progress{T}"/> calls it later, and on another.</summary>
internal sealed class ImmediateProgress(Action<ProgressEvent> report) : IProgress<ProgressEvent>
{
    public void Report(ProgressEvent value) => report(value);
}

/// <summary>
/// An error that the user can fix: bad options, bad data, a step that must run first. The command line prints the message as one
/// line and exits with 1, without a stack trace.
/// </summary>
internal sealed class UserErrorException(string message, Exception? innerException = null) : Exception(message, innerException);

internal static class ExceptionExtensions
{
    /// <summary>The message for users: the lines after the first, such as libtorch's own stack, are for developers.</summary>
    public static string FirstLine(this Exception e) => e is UserErrorException
        ? e.Message
        : e.Message.Split(['\r', '\n'], 2)[0];
}
