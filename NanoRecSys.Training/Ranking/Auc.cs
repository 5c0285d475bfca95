namespace NanoRecSys.Training.Ranking;

/// <summary>Area under the ROC curve: the chance that a positive scores higher than a negative.</summary>
public static class Auc
{
    /// <param name="scores">[N]</param>
    /// <param name="isPositive">[N]</param>
    /// <returns>0..1; ties count half, and 0.5 comes back where one class is absent.</returns>
    public static double Of(ReadOnlySpan<float> scores, ReadOnlySpan<bool> isPositive)
    {
        float[] sorted = scores.ToArray();
        bool[] labels = isPositive.ToArray();
        Array.Sort(sorted, labels);
        double rankSum = 0;
        long positives = 0;
        for (int start = 0; start < sorted.Length;)
        {
            int end = start;
            int tiedPositives = 0;
            while (end < sorted.Length && sorted[end].Equals(sorted[start])) // what is no number equals itself here
            {
                tiedPositives += labels[end++] ? 1 : 0;
            }

            rankSum += tiedPositives * (start + 1 + end) / 2.0; // 1-based ranks start + 1 .. end, averaged
            positives += tiedPositives;
            start = end;
        }

        long negatives = sorted.Length - positives;
        return positives == 0 || negatives == 0 ? 0.5 : (rankSum - positives * (positives + 1) / 2.0) / (positives * (double)negatives);
    }
}
