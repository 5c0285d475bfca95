using NanoRecSys.Core.Progress;

namespace NanoRecSys.Web.Components.Training;

/// <summary>A stage's losses over its steps, thinned to what a curve of this width can show.</summary>
/// <param name="Stage">The stage they are of.</param>
/// <param name="Points">Position (step, else count) and loss.</param>
public sealed record LossHistory(string Stage, IReadOnlyList<LossPoint> Points)
{
    private const int MaxPoints = 240;

    /// <summary>Of the newest stage that reported a loss; null where none did.</summary>
    public static LossHistory? From(IReadOnlyList<ProgressEvent> events)
    {
        string? stage = events.LastOrDefault(progress => progress.Loss is not null)?.Stage;
        if (stage is null)
        {
            return null;
        }

        LossPoint[] points = [.. events.Where(progress => progress.Stage == stage && progress.Loss is { } loss && double.IsFinite(loss))
            .Select((progress, i) => new LossPoint(progress.Step ?? i, progress.Loss!.Value))];
        return new LossHistory(stage, Thin(points));
    }

    // Even picks, the last one always among them.
    private static LossPoint[] Thin(LossPoint[] points) => points.Length <= MaxPoints
        ? points
        : [.. Enumerable.Range(0, MaxPoints).Select(i => points[(int)((long)i * (points.Length - 1) / (MaxPoints - 1))])];
}

public readonly record struct LossPoint(double Step, double Loss);
