namespace NanoRecSys.Training.Ranking;

/// <summary>The retriever's best items for one user, and what the ranker makes of them.</summary>
/// <param name="Rows">[K] item rows, the retriever's best first.</param>
/// <param name="Cosines">[K] the retriever's scores.</param>
/// <param name="Logits">[K] the ranker's.</param>
public sealed record CandidateList(int[] Rows, float[] Cosines, float[] Logits)
{
    /// <summary>[K] logit + weight * cosine; the served score is its sigmoid, which keeps the order.</summary>
    public float[] Fuse(double retrieverWeight)
    {
        var scores = new float[Rows.Length];
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] = Logits[i] + (float)retrieverWeight * Cosines[i];
        }

        return scores;
    }

    /// <summary>1-based rank of an item under a fused score; null where the retriever did not bring it.</summary>
    public int? RankOf(int target, double retrieverWeight)
    {
        int place = Array.IndexOf(Rows, target);
        if (place < 0)
        {
            return null;
        }

        float[] scores = Fuse(retrieverWeight);
        int ahead = 0;
        for (int i = 0; i < scores.Length; i++)
        {
            ahead += i != place && !(scores[i] < scores[place]) ? 1 : 0; // ties count against it, and what is no number
        }

        return 1 + ahead;
    }
}
