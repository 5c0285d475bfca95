using NanoRecSys.Core.Progress;

namespace NanoRecSys.Web.Components.Training;

/// <summary>A stage's losses over its steps, thinned to what a curve of this width can show.</summary>
/// <param name="Stage">The stage they are of.</param>
/// <param name="Points">Position (step, else count) and loss.</param>
public sealed record LossHistory(string Stage, IReadOnlyList<LossPoint> Points)
{
    private const int MaxPoints = 240;

    /// <summary>Of the running stage if it has losses, else of the one that reported most; null if none did.</summary>
    public static LossHistory? From(IReadOnlyList<ProgressEvent> events)
    {
        ILookup<string, ProgressEvent> losses = events.Where(progress => progress.Loss is { } loss && double.IsFinite(loss))
            .ToLookup(progress => progress.Stage);
        string? stage = events.Count > 0 && losses.Contains(events[^1].Stage) ? events[^1].Stage : losses.MaxBy(of => of.Count())?.Key;
        if (stage is null)
        {
            return null;
        }

        LossPoint[] points = [.. losses[stage].Select((progress, i) => new LossPoint(progress.Step ?? i, progress.Loss!.Value))];
        return new LossHistory(stage, Thin(points));
    }

    // Evenly spaced, always with the last one.
    private static LossPoint[] Thin(LossPoint[] points) => points.Length <= MaxPoints
        ? points
        : [.. Enumerable.Range(0, MaxPoints).Select(i => points[(int)((long)i * (points.Length - 1) / (MaxPoints - 1))])];
}

public readonly record struct LossPoint(double Step, double Loss);
