using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Evaluation;

/// <summary>How far one model is ahead of another on the same users.</summary>
/// <param name="Split"><c>validation</c> or <c>test</c>.</param>
/// <param name="Metric">Such as <c>ndcg@10</c>.</param>
/// <param name="Model">The one that is ahead, if the difference is positive.</param>
/// <param name="Other">What it is compared with.</param>
/// <param name="Difference">Of the means, model less other.</param>
/// <param name="Interval">Where it lies with 95% confidence.</param>
public sealed record PairedDifference(
    string Split, string Metric, string Model, string Other, double Difference, ConfidenceInterval Interval)
{
    /// <summary>Zero lies outside the interval.</summary>
    public bool IsSignificant => Interval.Low > 0 || Interval.High < 0;

    /// <summary>The same seen from the other model.</summary>
    public PairedDifference Reversed => this with
    {
        Model = Other,
        Other = Model,
        Difference = -Difference,
        Interval = new ConfidenceInterval(-Interval.High, -Interval.Low),
    };
}
