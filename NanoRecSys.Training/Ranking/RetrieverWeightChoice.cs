using NanoRecSys.Training.Data;
using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Ranking;

/// <summary>How much of the retriever's cosine goes into the served score: what is best on validation.</summary>
/// <param name="Weight">The chosen one.</param>
/// <param name="MeanCosine">Of all candidates.</param>
/// <param name="Ndcg">NDCG@10 on validation by weight.</param>
public sealed record RetrieverWeightChoice(double Weight, double MeanCosine, IReadOnlyList<(double Weight, double Ndcg)> Ndcg)
{
    private const int UsersPerBatch = 256;

    public static RetrieverWeightChoice Make(CandidateRanker ranker, DataSplit split, IReadOnlyList<double> weights, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(ranker);
        ArgumentNullException.ThrowIfNull(split);
        ArgumentNullException.ThrowIfNull(weights);
        var cases = new List<(CandidateList List, int Target)>();
        foreach (int[] users in Enumerable.Range(0, split.UserCount).Chunk(UsersPerBatch))
        {
            cancellation.ThrowIfCancellationRequested();
            List<(ReadOnlyMemory<int> Before, int Target)> batch = [];
            foreach (int user in users)
            {
                if (split.TryGet(user, HeldOut.Validation, out HeldOutCase found))
                {
                    batch.Add((found.Before, found.Target));
                }
            }

            if (batch.Count > 0)
            {
                cases.AddRange(ranker.Rank([.. batch.Select(c => c.Before)]).Zip(batch.Select(c => c.Target)));
            }
        }

        List<(double Weight, double Ndcg)> ndcg = [.. weights.Select(weight => (weight, NdcgOf(cases, weight)))];
        double mean = cases.SelectMany(c => c.List.Cosines).DefaultIfEmpty(0).Average();
        return new RetrieverWeightChoice(ndcg.MaxBy(point => point.Ndcg).Weight, mean, ndcg);
    }

    private static double NdcgOf(List<(CandidateList List, int Target)> cases, double weight) =>
        RankingMetrics.Of([.. cases.Select(c => c.List.RankOf(c.Target, weight) ?? int.MaxValue)])["ndcg@10"];
}
