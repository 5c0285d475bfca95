namespace NanoRecSys.Training.Ranking;

/// <summary>How much of the retriever's cosine goes into the served score: what is best on validation.</summary>
/// <param name="Weight">The chosen one.</param>
/// <param name="MeanCosine">Of all candidates.</param>
/// <param name="Ndcg">NDCG@10 on validation by weight; 0 is the ranker alone.</param>
public sealed record RetrieverWeightChoice(double Weight, double MeanCosine, IReadOnlyList<WeightPoint> Ndcg)
{
    public static RetrieverWeightChoice Make(CandidateRanker ranker, ValidationCases cases, IReadOnlyList<double> weights)
    {
        ArgumentNullException.ThrowIfNull(ranker);
        ArgumentNullException.ThrowIfNull(cases);
        ArgumentNullException.ThrowIfNull(weights);
        CandidateList[] lists = ranker.Rank(cases.Users);
        WeightPoint[] points = [.. weights.Select(weight => new WeightPoint(weight, cases.Measure(lists, weight)["ndcg@10"]))];
        double mean = lists.SelectMany(list => list.Cosines).DefaultIfEmpty(0).Average();
        return new RetrieverWeightChoice(points.MaxBy(point => point.Ndcg)!.Weight, mean, points);
    }
}

/// <param name="Weight">Of the cosine beside the logit.</param>
/// <param name="Ndcg">NDCG@10 on validation.</param>
public sealed record WeightPoint(double Weight, double Ndcg);
