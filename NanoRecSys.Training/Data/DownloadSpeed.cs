using System.Globalization;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Data;

/// <summary>Turns bytes into a report with a share and a speed.</summary>
internal sealed class DownloadSpeed(IProgress<StepProgress> progress, TimeProvider time)
{
    private const double Megabyte = 1e6;
    private readonly long _started = time.GetTimestamp();
    private long? _atStart; // What an earlier attempt had left is not this one's speed.

    public void Report(long bytes, long? total)
    {
        _atStart ??= bytes;
        double seconds = Math.Max(0.001, time.GetElapsedTime(_started).TotalSeconds);
        double speed = Math.Max(0, bytes - _atStart.Value) / Megabyte / seconds;
        string of = total is { } all ? string.Create(CultureInfo.InvariantCulture, $" of {all / Megabyte:F1}") : "";
        progress.Report(new StepProgress
        {
            Fraction = total is > 0 ? PrepareStep.DownloadShare * bytes / total.Value : null,
            Detail = string.Create(CultureInfo.InvariantCulture, $"{bytes / Megabyte:F1}{of} MB, {speed:F1} MB/s"),
        });
    }
}
