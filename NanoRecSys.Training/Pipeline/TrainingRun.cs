using System.Diagnostics;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Training.Pipeline;

/// <summary>
/// One run of one or more stages. It shows and logs their progress, measures them, and ends its log with
/// <c>completed</c>, or with <c>failed</c> and the reason.
/// </summary>
public sealed class TrainingRun
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
        ArgumentNullException.ThrowIfNull(work);
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
        ArgumentNullException.ThrowIfNull(step);
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
