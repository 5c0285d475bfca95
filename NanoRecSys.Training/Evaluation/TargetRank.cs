using System.Numerics;
using System.Runtime.InteropServices;

namespace NanoRecSys.Training.Evaluation;

/// <summary>Where a ranking of the whole catalogue puts the item that came next.</summary>
public static class TargetRank
{
    /// <summary>
    /// 1 + the number of other items that are not excluded and do not score lower than the target. Ties count
    /// as ahead of it, so that a model that scores all items alike finds nothing; so does NaN.
    /// </summary>
    /// <param name="scores">[V]</param>
    /// <param name="target">Row of the item that came next; never excluded, even if it was seen before.</param>
    /// <param name="excluded">Rows to leave out, without repeats.</param>
    public static int Of(ReadOnlySpan<float> scores, int target, ReadOnlySpan<int> excluded)
    {
        float score = scores[target];
        int lower = CountLower(scores, score);
        int notLower = scores.Length - lower - 1; // Without the target, which ties with itself.
        foreach (int row in excluded)
        {
            notLower -= row != target && !(scores[row] < score) ? 1 : 0;
        }

        return 1 + notLower;
    }

    /// <summary>1 + the number of negatives that do not score lower than the target.</summary>
    /// <param name="scores">[V]</param>
    /// <param name="target">Row of the item that came next.</param>
    /// <param name="negatives">Rows to rank it among.</param>
    public static int Among(ReadOnlySpan<float> scores, int target, ReadOnlySpan<int> negatives)
    {
        int rank = 1;
        foreach (int row in negatives)
        {
            rank += !(scores[row] < scores[target]) ? 1 : 0;
        }

        return rank;
    }

    private static int CountLower(ReadOnlySpan<float> scores, float score)
    {
        Vector<float> threshold = new(score);
        Vector<int> counts = Vector<int>.Zero;
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        foreach (Vector<float> vector in vectors)
        {
            counts -= Vector.LessThan(vector, threshold); // A lane that is lower is -1.
        }

        int lower = Vector.Sum(counts);
        for (int i = vectors.Length * Vector<float>.Count; i < scores.Length; i++)
        {
            lower += scores[i] < score ? 1 : 0;
        }

        return lower;
    }
}
