using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>What <c>evaluate</c> can be told.</summary>
public sealed record EvaluateOptions
{
    /// <summary>What the published tables leave out.</summary>
    public const int PublishedWindow = 200;

    /// <summary>Names of models; empty means every one that is there.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    public IReadOnlyList<HeldOut> Splits { get; init; } = [HeldOut.Validation, HeldOut.Test];

    public Exclusion Exclude { get; init; } = Exclusion.History;

    /// <summary>
    /// Items that <see cref="Exclusion.Window"/> leaves out, whatever a model reads: by one rule all models stand in one table.
    /// </summary>
    public int Window { get; init; } = PublishedWindow;

    /// <summary>Rank the target among uniformly sampled negatives instead of all items.</summary>
    public bool Sampled { get; init; }

    /// <summary>Sampled negatives of each user.</summary>
    public int Negatives { get; init; } = 100;

    /// <summary>Add the log of each item's popularity to every score.</summary>
    public bool AddLogPopularity { get; init; }

    /// <summary>Figures of parts of the users, too.</summary>
    public bool Slices { get; init; }

    /// <summary>Resamples of the users for the confidence intervals; 0 for none.</summary>
    public int Resamples { get; init; } = 1000;
}
