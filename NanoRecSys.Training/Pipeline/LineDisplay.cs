namespace NanoRecSys.Training.Pipeline;

/// <summary>Progress as plain lines, for output that goes to a file or another program.</summary>
public sealed class LineDisplay(string stage, TextWriter output, TimeProvider time) : IStepDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);
    private long? _shown;
    private string? _message;

    public void Show(StepProgress progress, TimeSpan? remaining)
    {
        ArgumentNullException.ThrowIfNull(progress);
        bool isDue = _shown is null || time.GetElapsedTime(_shown.Value) >= Interval;
        if (isDue || progress.Metrics is not null || (progress.Message is not null && progress.Message != _message))
        {
            _message = progress.Message ?? _message;
            _shown = time.GetTimestamp();
            output.WriteLine($"{stage}: {ProgressText.Line(progress, remaining)}");
        }
    }
}
