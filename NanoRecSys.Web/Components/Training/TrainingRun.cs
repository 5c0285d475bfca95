using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Progress;

namespace NanoRecSys.Web.Components.Training;

/// <summary>What a run's events say, arranged for the page.</summary>
/// <param name="Now">The newest event.</param>
/// <param name="Started">When the run began.</param>
/// <param name="Steps">All stages of the run, the coming ones too.</param>
/// <param name="Losses">Of the stage at work, or the longest.</param>
/// <param name="Validation">Rankings of the whole catalogue as they came, newest first.</param>
/// <param name="Messages">Newest first.</param>
public sealed record TrainingRun(
    ProgressEvent Now, DateTimeOffset Started, IReadOnlyList<StageStep> Steps, LossHistory? Losses,
    IReadOnlyList<ProgressEvent> Validation, IReadOnlyList<ProgressEvent> Messages)
{
    // Stages that validate otherwise (the ranker reports AUC) have no place in a table of rankings.
    private const string RankingMetric = "ndcg@10";

    // What `run` does, in its order: names for the stages that have not come yet.
    private static readonly string[] Preset =
        ["prepare", "train-retriever", "mine-negatives", "train-ranker", "evaluate", "export", "index", "publish"];

    /// <returns>Null where nothing was trained yet.</returns>
    public static TrainingRun? From(TrainingStatus status)
    {
        if (status.Events is not [ProgressEvent first, ..] events)
        {
            return null;
        }

        ProgressEvent now = events[^1];
        return new TrainingRun(now, first.Time, StepsOf(events, now), LossHistory.From(events),
            [.. events.Where(progress => progress.Metrics?.ContainsKey(RankingMetric) == true).Reverse()],
            [.. events.Where(progress => progress.Message is not null).Reverse()]);
    }

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
