namespace NanoRecSys.Core.Evaluation;

/// <summary>One model's figures on one split.</summary>
/// <param name="Model"><c>popularity</c>, <c>item-knn</c>, <c>retriever</c>, <c>ranker</c>, ...</param>
/// <param name="Split"><c>validation</c> or <c>test</c>.</param>
/// <param name="Users">Users averaged over.</param>
/// <param name="Items">Size of the catalogue that was ranked.</param>
/// <param name="Exclude">Which items were left out of the ranking: <c>history</c>, <c>window</c>, <c>none</c>.</param>
/// <param name="Metrics">By name, such as <c>hr@10</c>, <c>ndcg@10</c>, <c>mrr@10</c>, <c>recall@10</c>.</param>
public sealed record EvaluationResult(
    string Model, string Split, int Users, int Items, string Exclude, IReadOnlyDictionary<string, double> Metrics);
