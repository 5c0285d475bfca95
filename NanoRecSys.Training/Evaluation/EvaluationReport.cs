using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>What an evaluation found.</summary>
/// <param name="Results">By split, within it by model.</param>
/// <param name="Differences">Of every two models of a split, the one that is ahead first; empty without intervals.</param>
public sealed record EvaluationReport(IReadOnlyList<EvaluationResult> Results, IReadOnlyList<PairedDifference> Differences)
{
    /// <summary>Of items that no training has seen, where that was asked for.</summary>
    public HeldOutItemsReport? HeldOutItems { get; init; }
}
