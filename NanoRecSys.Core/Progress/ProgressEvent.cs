namespace NanoRecSys.Core.Progress;

/// <summary>One line of <c>artifacts/runs/RUN/progress.jsonl</c>: what a training is doing now.</summary>
public sealed record ProgressEvent
{
    public const string Running = "running";
    public const string Completed = "completed";
    public const string Failed = "failed";

    public required DateTimeOffset Time { get; init; }

    /// <summary>The run's name: its folder.</summary>
    public required string Run { get; init; }

    /// <summary><see cref="Running"/>, or how the whole run ended: <see cref="Completed"/>, <see cref="Failed"/>.</summary>
    public required string State { get; init; }

    /// <summary>The verb at work: <c>prepare</c>, <c>train-retriever</c>, ...</summary>
    public required string Stage { get; init; }

    /// <summary>1-based position of the stage among <see cref="StageCount"/>.</summary>
    public int StageNumber { get; init; } = 1;

    public int StageCount { get; init; } = 1;

    /// <summary>Share of the stage that is done, 0..1.</summary>
    public double? Fraction { get; init; }

    public int? Epoch { get; init; }

    public long? Step { get; init; }

    public double? Loss { get; init; }

    public double? LearningRate { get; init; }

    public double? SequencesPerSecond { get; init; }

    /// <summary>Seconds until the stage ends, estimated.</summary>
    public double? RemainingSeconds { get; init; }

    /// <summary>Validation figures where this event brings some, such as <c>hr@10</c>.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }

    /// <summary>The version that this event reports as published.</summary>
    public string? Version { get; init; }

    /// <summary>For people: one sentence.</summary>
    public string? Message { get; init; }
}
