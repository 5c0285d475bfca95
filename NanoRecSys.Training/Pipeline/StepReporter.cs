using NanoRecSys.Core.Progress;

namespace NanoRecSys.Training.Pipeline;

/// <summary>Which stage of which run a report belongs to.</summary>
/// <param name="RunFolder"><c>artifacts/runs/RUN</c>.</param>
/// <param name="Name">The verb.</param>
/// <param name="Number">1-based.</param>
/// <param name="Count">Stages of the whole run.</param>
public sealed record Stage(string RunFolder, string Name, int Number, int Count);

/// <summary>Passes a step's reports on: to the person at the console, and to the run's <c>progress.jsonl</c>.</summary>
public sealed class StepReporter(Stage stage, IStepDisplay display, TimeProvider time) : IProgress<StepProgress>
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
        ArgumentNullException.ThrowIfNull(value);
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
