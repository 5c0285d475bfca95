namespace NanoRecSys.Web.Components.Training;

/// <summary>A run's events, arranged for the page.</summary>
/// <param name="Now">The newest event.</param>
/// <param name="Started">When the run began.</param>
/// <param name="Steps">All stages of the run, including pending ones.</param>
/// <param name="Losses">Losses of the running stage, or of the longest one.</param>
/// <param name="Validation">Rankings of the whole catalog, newest first.</param>
/// <param name="Messages">Newest first.</param>
/// <param name="Speed">Sequences per second, as last reported by the running stage.</param>
public sealed record RunView(
    ProgressEvent Now, DateTimeOffset Started, IReadOnlyList<StageStep> Steps, LossHistory? Losses,
    IReadOnlyList<ProgressEvent> Validation, IReadOnlyList<ProgressEvent> Messages, double? Speed)
{
    // The ranker's epochs rank only candidates and report only NDCG, so they are not in the table of full rankings.
    private const string RankingMetric = "hr@10";

    // The stages of `run` in order, to name pending ones.
    private static readonly string[] Preset =
        ["prepare", "train-retriever", "mine-negatives", "train-ranker", "race", "evaluate", "export", "index", "publish"];

    /// <returns>Null before the first training.</returns>
    public static RunView? From(TrainingStatus status)
    {
        if (status.Events is not [ProgressEvent first, ..] events)
        {
            return null;
        }

        ProgressEvent now = events[^1];
        return new RunView(now, first.Time, StepsOf(events, now), LossHistory.From(events),
            [.. events.Where(progress => progress.Metrics?.ContainsKey(RankingMetric) == true).Reverse()],
            Told(events),
            events.LastOrDefault(progress => progress.StageNumber == now.StageNumber && progress.SequencesPerSecond is not null)?.SequencesPerSecond);
    }

    // A counting step repeats its message; the last one supersedes the others.
    private static List<ProgressEvent> Told(IReadOnlyList<ProgressEvent> events)
    {
        List<ProgressEvent> shown = [];
        foreach (ProgressEvent progress in events.Where(progress => progress.Message is not null).Reverse())
        {
            if (shown is not [.., { } newer] || (newer.Stage, WithoutNumbers(newer)) != (progress.Stage, WithoutNumbers(progress)))
            {
                shown.Add(progress);
            }
        }

        return shown;
    }

    private static string WithoutNumbers(ProgressEvent progress) => string.Concat(progress.Message!.Where(letter => !char.IsAsciiDigit(letter)));

    private static IReadOnlyList<StageStep> StepsOf(IReadOnlyList<ProgressEvent> events, ProgressEvent now)
    {
        ILookup<int, ProgressEvent> byNumber = events.ToLookup(progress => progress.StageNumber);
        return [.. Enumerable.Range(1, Math.Max(now.StageCount, now.StageNumber)).Select(number => new StageStep(
            number,
            byNumber[number].LastOrDefault()?.Stage ?? (now.StageCount == Preset.Length ? Preset[number - 1] : $"step {number}"),
            StateOf(number, now)))];
    }

    private static StepState StateOf(int number, ProgressEvent now) => now.State switch
    {
        ProgressEvent.Completed => StepState.Done,
        ProgressEvent.Failed when number == now.StageNumber => StepState.Failed,
        _ => number < now.StageNumber ? StepState.Done : number == now.StageNumber ? StepState.Active : StepState.Coming,
    };
}

public sealed record StageStep(int Number, string Name, StepState State);

public enum StepState
{
    Coming,
    Active,
    Done,
    Failed,
}

/// <summary>The curve in SVG coordinates: y grows downwards, with the lowest loss at the bottom.</summary>
/// <param name="Line">Points of a polyline.</param>
/// <param name="Area">Points of the polygon below it.</param>
/// <param name="EndX">X of the newest point.</param>
/// <param name="EndY">Y of the newest point.</param>
/// <param name="Highest">Loss at the top.</param>
/// <param name="Lowest">Loss at the bottom.</param>
public sealed record LossCurveShape(string Line, string Area, double EndX, double EndY, double Highest, double Lowest)
{
    public const double Width = 600;
    public const double Height = 180;
    private const double Margin = 8;

    /// <returns>Null for fewer than two points, which make no line.</returns>
    public static LossCurveShape? From(IReadOnlyList<LossPoint> points)
    {
        if (points.Count < 2)
        {
            return null;
        }

        double lowest = points.Min(point => point.Loss), highest = points.Max(point => point.Loss);
        double first = points[0].Step, steps = Math.Max(points[^1].Step - first, double.Epsilon);
        double range = highest > lowest ? highest - lowest : 1;
        (double X, double Y)[] places = [.. points.Select(point => (
            X: Math.Clamp((point.Step - first) / steps, 0, 1) * Width,
            Y: Margin + (highest - point.Loss) / range * (Height - 2 * Margin)))];
        string line = string.Join(' ', places.Select(place => $"{Text.Css(Math.Round(place.X, 1))},{Text.Css(Math.Round(place.Y, 1))}"));
        return new LossCurveShape(line, $"0,{Text.Css(Height)} {line} {Text.Css(Width)},{Text.Css(Height)}",
            places[^1].X, places[^1].Y, highest, lowest);
    }
}

/// <summary>A stage's losses over its steps, thinned to the resolution of the curve.</summary>
/// <param name="Stage">The stage's name.</param>
/// <param name="Points">Position (step, or count if there is none) and loss.</param>
public sealed record LossHistory(string Stage, IReadOnlyList<LossPoint> Points)
{
    private const int MaxPoints = 240;

    /// <summary>The losses of the running stage if it has any, otherwise of the stage with the most; null if there are none.</summary>
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

    // Evenly spaced, always including the last one.
    private static LossPoint[] Thin(LossPoint[] points) => points.Length <= MaxPoints
        ? points
        : [.. Enumerable.Range(0, MaxPoints).Select(i => points[(int)((long)i * (points.Length - 1) / (MaxPoints - 1))])];
}

public readonly record struct LossPoint(double Step, double Loss);

/// <summary>Validation NDCG@10 of several runs by epoch, in a field of 100 by 100.</summary>
/// <param name="Highest">NDCG at the top.</param>
/// <param name="LastEpoch">At the right.</param>
/// <param name="Lines">Points of a polyline for each run with figures.</param>
public sealed record RunCurves(double Highest, int LastEpoch, IReadOnlyList<(string Run, string Points)> Lines)
{
    public static RunCurves From(IEnumerable<RunSummary> runs)
    {
        RunSummary[] drawn = [.. runs.Where(run => run.Epochs.Count > 0)];
        if (drawn.Length == 0)
        {
            return new RunCurves(0, 0, []);
        }

        double highest = Math.Max(drawn.Max(run => run.Epochs.Max(epoch => epoch.Ndcg)), 1e-9);
        int last = Math.Max(drawn.Max(run => run.Epochs.Max(epoch => epoch.Epoch)), 2);
        return new RunCurves(highest, last, [.. drawn.Select(run => (run.Run, Points(run.Epochs, highest, last)))]);
    }

    private static string Points(IReadOnlyList<EpochFigures> epochs, double highest, int last) => string.Join(' ', (epochs.Count == 1 ? [epochs[0], epochs[0]] : epochs)
        .Select(epoch => $"{Text.Css(Math.Round(100.0 * (epoch.Epoch - 1) / (last - 1), 2))},{Text.Css(Math.Round(98 - 94 * epoch.Ndcg / highest, 2))}"));
}
