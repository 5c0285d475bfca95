using System.Text.Json.Serialization;

namespace NanoRecSys.Core.Evaluation;

/// <summary>One model's figures on one split.</summary>
/// <param name="Model"><c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, <c>ranker</c>, ...</param>
/// <param name="Split"><c>validation</c> or <c>test</c>.</param>
/// <param name="Users">Users averaged over.</param>
/// <param name="Items">Size of the catalogue that was ranked.</param>
/// <param name="Exclude">Which items were left out of the ranking: <c>history</c>, <c>window</c>, <c>none</c>.</param>
/// <param name="Metrics">By name, such as <c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>.</param>
public sealed record EvaluationResult(
    string Model, string Split, int Users, int Items, string Exclude, IReadOnlyDictionary<string, double> Metrics)
{
    /// <summary>The protocol whose figures are comparable with published ones: the model's own scores, the whole catalog.</summary>
    public const string FullRanking = "full";

    /// <summary>How it was measured: <see cref="FullRanking"/>, or for instance <c>sampled-uniform-100</c>.</summary>
    public string Protocol { get; init; } = FullRanking;

    /// <summary>Number of latest history items that were left out; only with <c>window</c>.</summary>
    public int? Window { get; init; }

    /// <summary>
    /// Users who are not among <see cref="Users"/> because the item to predict is one that is left out of the ranking: they had it
    /// before. The same for all models; null where there is none.
    /// </summary>
    public int? Repeats { get; init; }

    /// <summary>True where the model trained on the validation items, too; see <c>refit</c>.</summary>
    public bool? Refit { get; init; }

    /// <summary>False: the figures are not comparable with those of a full ranking.</summary>
    [JsonIgnore]
    public bool IsComparable => Protocol == FullRanking;

    /// <summary>95% intervals of some of the metrics, by name.</summary>
    public IReadOnlyDictionary<string, ConfidenceInterval>? Intervals { get; init; }
}

/// <summary>95% confidence interval of a metric over the drawing of users.</summary>
public readonly record struct ConfidenceInterval(double Low, double High);
