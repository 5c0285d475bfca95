using System.Diagnostics;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Training.Pipeline;

/// <summary>
/// One run of one or more stages. It shows and logs their progress, measures them, and ends its log with
/// <c>completed</c>, or with <c>failed</c> and the reason.
/// </summary>
internal sealed class TrainingRun
{
    private readonly RunSettings _settings;
    private readonly TimeProvider _time;
    private readonly CancellationToken _cancellation;
    private readonly string _folder;
    private readonly List<(string Stage, TimeSpan Took)> _timings = [];
    private Stage _stage;

    private TrainingRun(RunSettings settings, RunConsole console, int stages, TimeProvider time, CancellationToken cancellation)
    {
        (_settings, Console, _time, _cancellation) = (settings, console, time, cancellation);
        string name = $"{time.GetUtcNow():yyyyMMdd-HHmmss-fff}";
        _folder = Path.Combine(settings.Workspace.Store.RunsFolder, name);
        _stage = new Stage(_folder, "start", 0, stages);
    }

    public RunConsole Console { get; }

    /// <summary>Where the time went, stage by stage.</summary>
    public IReadOnlyList<(string Stage, TimeSpan Took)> Timings => _timings;

    public static async Task ExecuteAsync(
        RunSettings settings, RunConsole console, int stages, TimeProvider time, Func<TrainingRun, Task> work, CancellationToken cancellation)
    {
        var run = new TrainingRun(settings, console, stages, time, cancellation);
        using Activity? span = TrainingTelemetry.StartRun();
        try
        {
            await work(run);
            run.End(ProgressEvent.Completed, null);
        }
        catch (Exception e)
        {
            run.End(ProgressEvent.Failed, e is OperationCanceledException ? "Cancelled." : e.Message);
            span.Fail(e);
            TrainingTelemetry.RecordFailure(e);
            throw;
        }
    }

    /// <summary>Runs the next stage.</summary>
    public async Task<T> StageAsync<T>(string name, Func<StepContext, Task<T>> step)
    {
        _stage = _stage with { Name = name, Number = _stage.Number + 1 };
        long started = _time.GetTimestamp();
        using Activity? span = TrainingTelemetry.StartStage(name);
        T result;
        try
        {
            result = await ShowAsync(name, step);
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

    private async Task<T> ShowAsync<T>(string name, Func<StepContext, Task<T>> step)
    {
        T result = default!;
        await Console.ShowAsync(name, _time, async display =>
        {
            var reporter = new StepReporter(_stage, display, _time);
            reporter.Report(new StepProgress { Fraction = 0 });
            var context = new StepContext(_settings.Workspace, _settings.Seed, reporter, _cancellation)
            {
                Threads = _settings.Threads,
                Device = _settings.Device,
            };
            // On a worker thread: a step computes for long, and the bar wants to be drawn meanwhile.
            result = await Task.Run(() => step(context), _cancellation);
        });
        return result;
    }

    private void End(string state, string? message) => ProgressLog.Append(_folder, new ProgressEvent
    {
        Time = _time.GetUtcNow(),
        Run = Path.GetFileName(_folder),
        State = state,
        Stage = _stage.Name,
        StageNumber = _stage.Number,
        StageCount = _stage.Count,
        Fraction = state == ProgressEvent.Completed ? 1 : null,
        Message = message,
    });
}

/// <summary>What the common options say to every step of a run.</summary>
/// <param name="Workspace">Artifacts folder and data set.</param>
/// <param name="Seed">Of all randomness.</param>
/// <param name="Threads">CPU threads.</param>
/// <param name="Device">Torch device.</param>
internal sealed record RunSettings(Workspace Workspace, long Seed, int Threads, string Device);

/// <summary>What every step of the pipeline is given besides its own options.</summary>
/// <param name="Workspace">Where its input lies and its output goes.</param>
/// <param name="Seed">Reproduces the step's randomness.</param>
/// <param name="Progress">Told of every change worth showing; rate-limited by the receiver.</param>
/// <param name="Cancellation">Ctrl+C: the step stops soon and leaves its last checkpoint.</param>
internal sealed record StepContext(
    Workspace Workspace, long Seed, IProgress<StepProgress> Progress, CancellationToken Cancellation)
{
    /// <summary>CPU threads to compute with.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Torch device to train on: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>, ...</summary>
    public string Device { get; init; } = "cpu";
}

/// <summary>What a step reports of itself while it runs; see <see cref="Core.Progress.ProgressEvent"/> for the units.</summary>
internal sealed record StepProgress
{
    /// <summary>Share of the step that is done, 0..1.</summary>
    public double? Fraction { get; init; }

    /// <summary>The share that an earlier attempt had done already.</summary>
    public double ResumedAt { get; init; }

    public int? Epoch { get; init; }

    public long? Step { get; init; }

    public double? Loss { get; init; }

    public double? LearningRate { get; init; }

    public double? SequencesPerSecond { get; init; }

    /// <summary>For people, beside the fraction: <c>3.1 of 5.9 MB, 1.2 MB/s</c>. Dropped like any other report.</summary>
    public string? Detail { get; init; }

    /// <summary>Validation figures, where this report brings some. A report with metrics or a message is never dropped.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }

    /// <summary>The version that the step published. A report with one has a message, too.</summary>
    public string? Version { get; init; }

    /// <summary>For people: one sentence.</summary>
    public string? Message { get; init; }
}

/// <summary>Which stage of which run a report belongs to.</summary>
/// <param name="RunFolder"><c>artifacts/runs/RUN</c>.</param>
/// <param name="Name">The verb.</param>
/// <param name="Number">1-based.</param>
/// <param name="Count">Stages of the whole run.</param>
internal sealed record Stage(string RunFolder, string Name, int Number, int Count);

/// <summary>Passes a step's reports on: to the person at the console, and to the run's <c>progress.jsonl</c>.</summary>
internal sealed class StepReporter(Stage stage, IStepDisplay display, TimeProvider time) : IProgress<StepProgress>
{
    // The web page polls about once a second; more lines than two a second help nobody.
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(0.5);

    private const double LeastDone = 0.01; // With less there is nothing to project from.

    private readonly Lock _gate = new(); // Steps report from worker threads, too.
    private readonly long _started = time.GetTimestamp();
    private long? _logged;
    private double _done;

    public void Report(StepProgress value)
    {
        lock (_gate)
        {
            _done = Math.Max(_done, value.Fraction ?? 0); // parts of a step that overlap must not make its progress go back
            value = value with { Fraction = value.Fraction is null ? null : _done };
            TimeSpan? remaining = Remaining(value);
            display.Show(value, remaining);
            bool isDue = _logged is null || time.GetElapsedTime(_logged.Value) >= LogInterval;
            if (isDue || value.Metrics is not null || value.Message is not null)
            {
                _logged = time.GetTimestamp();
                ProgressLog.Append(stage.RunFolder, ToEvent(value, remaining));
                TrainingTelemetry.RecordProgress(stage.Name, value);
            }
        }
    }

    private TimeSpan? Remaining(StepProgress value) =>
        value.Fraction is <= 1 and { } fraction && fraction - value.ResumedAt > LeastDone
            ? time.GetElapsedTime(_started) * ((1 - fraction) / (fraction - value.ResumedAt))
            : null;

    private ProgressEvent ToEvent(StepProgress value, TimeSpan? remaining) => new()
    {
        Time = time.GetUtcNow(),
        Run = Path.GetFileName(stage.RunFolder),
        State = ProgressEvent.Running,
        Stage = stage.Name,
        StageNumber = stage.Number,
        StageCount = stage.Count,
        Fraction = value.Fraction,
        Epoch = value.Epoch,
        Step = value.Step,
        Loss = value.Loss,
        LearningRate = value.LearningRate,
        SequencesPerSecond = value.SequencesPerSecond,
        RemainingSeconds = remaining?.TotalSeconds,
        Metrics = value.Metrics,
        Version = value.Version,
        Message = value.Message ?? value.Detail,
    };
}

/// <summary>
/// Something the caller can mend: bad options, bad data, a step that must run first. The command line prints
/// the message as one line and exits with 1, without a stack trace.
/// </summary>
internal sealed class UserErrorException : Exception
{
    public UserErrorException()
    {
    }

    public UserErrorException(string message)
        : base(message)
    {
    }

    public UserErrorException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
