namespace NanoRecSys.Web.Components.Versions;

/// <summary>One metric of two versions.</summary>
/// <param name="Name">Such as <c>NDCG@10</c>.</param>
/// <param name="A">Value of the first version.</param>
/// <param name="B">Value of the second version.</param>
/// <param name="IntervalA">95%; null if not measured.</param>
/// <param name="IntervalB">95%; null if not measured.</param>
public sealed record ComparedMetric(string Name, double A, double B, ConfidenceInterval? IntervalA, ConfidenceInterval? IntervalB)
{
    private static readonly string[] First = ["ndcg@10", "hr@10", "mrr@10", "hr@50"];

    /// <summary>Whether the difference is significant.</summary>
    public string Verdict => (IntervalA, IntervalB) switch
    {
        (null, _) or (_, null) => "no interval",
        ({ } a, { } b) when b.Low > a.High => "better",
        ({ } a, { } b) when b.High < a.Low => "worse",
        _ => "may be chance",
    };

    /// <returns>The metrics that both have, the most common ones first.</returns>
    public static IReadOnlyList<ComparedMetric> Of(EvaluationResult a, EvaluationResult b) =>
    [
        .. a.Metrics.Keys.Intersect(b.Metrics.Keys)
            .OrderBy(name => Array.IndexOf(First, name) is >= 0 and var place ? place : First.Length)
            .ThenBy(name => name.Split('@')[0], StringComparer.Ordinal).ThenBy(name => int.TryParse(name.Split('@')[^1], out int k) ? k : 0)
            .Take(12)
            .Select(name => new ComparedMetric(name.ToUpperInvariant(), a.Metrics[name], b.Metrics[name], Interval(a, name), Interval(b, name))),
        .. (a.Lists, b.Lists) is ({ } ours, { } theirs) ? Beyond(ours, theirs) : [],
    ];

    // Properties of the lists, independent of accuracy: more is not always better.
    private static IEnumerable<ComparedMetric> Beyond(ListQuality a, ListQuality b)
    {
        yield return new("Coverage@10", a.Coverage, b.Coverage, null, null);
        yield return new("Popularity bias@10", a.PopularShare, b.PopularShare, null, null);
        yield return new("Novelty@10", a.Novelty, b.Novelty, null, null);
        if ((a.Diversity, b.Diversity) is ({ } before, { } after))
        {
            yield return new("Diversity@10", before, after, null, null);
        }
    }

    private static ConfidenceInterval? Interval(EvaluationResult result, string name) =>
        result.Intervals?.TryGetValue(name, out ConfidenceInterval interval) == true ? interval : null;
}
