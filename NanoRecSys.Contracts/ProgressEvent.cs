namespace NanoRecSys.Contracts;

/// <summary>One line of <c>artifacts/runs/RUN/progress.jsonl</c>: what a training is doing now. A step sets its own figures, the run sets the rest.</summary>
public sealed record ProgressEvent
{
    public const string Running = "running";
    public const string Completed = "completed";
    public const string Failed = "failed";

    [JsonRequired]
    public DateTimeOffset Time { get; init; }

    /// <summary>The run's name, which is also its folder's.</summary>
    [JsonRequired]
    public string Run { get; init; } = "";

    /// <summary><see cref="Running"/>, or how the whole run ended: <see cref="Completed"/>, <see cref="Failed"/>.</summary>
    [JsonRequired]
    public string State { get; init; } = Running;

    /// <summary>The running command: <c>prepare</c>, <c>train-retriever</c>, ...</summary>
    [JsonRequired]
    public string Stage { get; init; } = "";

    /// <summary>Name of the prepared data of the run.</summary>
    public string? Dataset { get; init; }

    /// <summary>1-based position of the stage among <see cref="StageCount"/>.</summary>
    public int StageNumber { get; init; } = 1;

    public int StageCount { get; init; } = 1;

    /// <summary>Completed share of the stage, 0..1.</summary>
    public double? Fraction { get; init; }

    public int? Epoch { get; init; }

    public long? Step { get; init; }

    public double? Loss { get; init; }

    public double? LearningRate { get; init; }

    public double? SequencesPerSecond { get; init; }

    /// <summary>Estimated seconds until the stage ends.</summary>
    public double? RemainingSeconds { get; init; }

    /// <summary>Validation metrics, such as <c>hr@10</c>, if the event has any. An event with metrics or a message is never dropped.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }

    /// <summary>The published version that this event reports.</summary>
    public string? Version { get; init; }

    /// <summary>One sentence for people.</summary>
    public string? Message { get; init; }

    /// <summary>Text for people, shown with the fraction: <c>3.1 of 5.9 MB, 1.2 MB/s</c>. Logged as the message if the event has none.</summary>
    [JsonIgnore]
    public string? Detail { get; init; }

    /// <summary>The share already completed by an earlier attempt.</summary>
    [JsonIgnore]
    public double ResumedAt { get; init; }
}
