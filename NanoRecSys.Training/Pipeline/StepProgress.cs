namespace NanoRecSys.Training.Pipeline;

/// <summary>What a step reports of itself while it runs; see <see cref="Core.Progress.ProgressEvent"/> for the units.</summary>
public sealed record StepProgress
{
    /// <summary>Share of the step that is done, 0..1.</summary>
    public double? Fraction { get; init; }

    /// <summary>The share that an earlier attempt had done already.</summary>
    public double ResumedAt { get; init; }

    public int? Epoch { get; init; }

    public long? Step { get; init; }

    public double? Loss { get; init; }

    public double? LearningRate { get; init; }

    public double? SequencesPerSecond { get; init; }

    /// <summary>For people, beside the fraction: <c>3.1 of 5.9 MB, 1.2 MB/s</c>. Dropped like any other report.</summary>
    public string? Detail { get; init; }

    /// <summary>Validation figures, where this report brings some. A report with metrics or a message is never dropped.</summary>
    public IReadOnlyDictionary<string, double>? Metrics { get; init; }

    /// <summary>The version that the step published. A report with one has a message, too.</summary>
    public string? Version { get; init; }

    /// <summary>For people: one sentence.</summary>
    public string? Message { get; init; }
}
