using NanoRecSys.Training.Evaluation;

namespace NanoRecSys.Training.Ranking;

/// <summary>The two stages as a model to evaluate: what the retriever did not bring comes last.</summary>
public sealed class RankerScorer(CandidateRanker ranker, int items, double retrieverWeight, string name = "ranker") : IScorer
{
    public string Name => name;

    public int? Depth => ranker.Candidates;

    public void Score(IReadOnlyList<ReadOnlyMemory<int>> histories, Span<float> scores)
    {
        scores.Fill(float.NegativeInfinity);
        CandidateList[] lists = ranker.Rank(histories);
        for (int b = 0; b < lists.Length; b++)
        {
            float[] fused = lists[b].Fuse(retrieverWeight);
            for (int i = 0; i < fused.Length; i++)
            {
                scores[b * items + lists[b].Rows[i]] = fused[i];
            }
        }
    }
}
