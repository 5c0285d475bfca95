using System.Globalization;
using NanoRecSys.Core.Evaluation;

namespace NanoRecSys.Training.Export;

/// <summary>Whether the ranker is published: it must not lose to the retriever it re-orders, on validation.</summary>
/// <param name="Use">Publish it.</param>
/// <param name="Reason">One sentence for people.</param>
internal sealed record RankerChoice(bool Use, string Reason)
{
    private const string Metric = "ndcg@10";
    private const string Split = "validation";

    public static RankerChoice Make(RankerUse use, bool isExported, IReadOnlyList<EvaluationResult> metrics)
    {
        if (!isExported || use != RankerUse.IfBetter)
        {
            return !isExported ? new(false, "No ranker was exported; the retriever's scores are served.")
                : use == RankerUse.Always ? new(true, "The ranker is published because it was asked for.")
                : new(false, "The ranker is left out because it was asked for.");
        }

        if (Find(metrics, "ranker") is not double ranker || Find(metrics, "retriever") is not double retriever)
        {
            return new(false, $"The ranker is left out: there is no validation {Metric} of it and of the retriever to compare. Run 'evaluate --split both' first.");
        }

        string figures = string.Create(CultureInfo.InvariantCulture, $"validation {Metric} {ranker:F4}, the retriever alone {retriever:F4}");
        return ranker >= retriever
            ? new(true, $"The ranker is published: {figures}.")
            : new(false, $"The ranker is left out, it loses: {figures}.");
    }

    private static double? Find(IReadOnlyList<EvaluationResult> metrics, string model) =>
        metrics.FirstOrDefault(result => result.Model == model && result.Split == Split && result.Exclude == "history") is { } result
        && result.Metrics.TryGetValue(Metric, out double value) ? value : null;
}
