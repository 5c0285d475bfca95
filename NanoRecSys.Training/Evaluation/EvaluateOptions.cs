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
}
