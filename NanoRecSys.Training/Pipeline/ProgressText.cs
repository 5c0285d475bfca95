using System.Globalization;

namespace NanoRecSys.Training.Pipeline;

/// <summary>A report in words, for a line or beside a bar.</summary>
internal static class ProgressText
{
    /// <summary>Such as <c>42% | epoch 3 | loss 6.412 | 5,200 sequences/s | 12 s left</c>.</summary>
    public static string Line(StepProgress progress, TimeSpan? remaining) => string.Join(" | ", Parts(progress, remaining));

    /// <summary>What the bar does not show by itself: epoch, loss, speed, detail and time left.</summary>
    public static string Details(StepProgress progress, TimeSpan? remaining) =>
        Line(progress with { Fraction = null, Message = null, Metrics = null }, remaining);

    private static IEnumerable<string> Parts(StepProgress progress, TimeSpan? remaining)
    {
        string?[] parts =
        [
            progress.Fraction is { } fraction ? Format($"{100 * fraction:F0}%") : null,
            progress.Epoch is { } epoch ? Format($"epoch {epoch}") : null,
            progress.Loss is { } loss ? Format($"loss {loss:F3}") : null,
            progress.SequencesPerSecond is { } speed ? Format($"{speed:N0} sequences/s") : null,
            progress.Detail,
            remaining is { TotalSeconds: > 0.5 } left ? Format($"{Duration(left)} left") : null,
            progress.Metrics is { } metrics ? string.Join(' ', metrics.Where(m => m.Key.EndsWith("@10", StringComparison.Ordinal)).Select(m => Format($"{m.Key} {m.Value:F4}"))) : null,
            progress.Message,
        ];
        return parts.Where(part => !string.IsNullOrEmpty(part)).Select(part => part!);
    }

    public static string Duration(TimeSpan time) =>
        time.TotalMinutes < 1 ? Format($"{time.TotalSeconds:F1} s") : Format($"{(int)time.TotalMinutes} min {time.Seconds:D2} s");

    private static string Format(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
