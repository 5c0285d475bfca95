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
