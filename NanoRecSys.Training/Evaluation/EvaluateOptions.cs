using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Evaluation;

/// <summary>What <c>evaluate</c> can be told.</summary>
public sealed record EvaluateOptions
{
    /// <summary>Names of models; empty means every one that is there.</summary>
    public IReadOnlyList<string> Models { get; init; } = [];

    public IReadOnlyList<HeldOut> Splits { get; init; } = [HeldOut.Validation, HeldOut.Test];

    public Exclusion Exclude { get; init; } = Exclusion.History;

    /// <summary>Null: the trained model's maximal length, or 200 where none was trained.</summary>
    public int? Window { get; init; }

    /// <summary>Rank the target among sampled negatives of this kind; null: among all items.</summary>
    public NegativeKind? Sampled { get; init; }

    /// <summary>Sampled negatives of each user.</summary>
    public int Negatives { get; init; } = 100;

    /// <summary>Add the log of each item's popularity to every score.</summary>
    public bool AddLogPopularity { get; init; }

    /// <summary>Figures of parts of the users, too.</summary>
    public bool Slices { get; init; }

    /// <summary>Resamples of the users for the confidence intervals; 0 for none.</summary>
    public int Resamples { get; init; } = 1000;
}
