namespace NanoRecSys.Training.Indexing;

/// <summary>Seeded samples of rows.</summary>
internal static class RowSample
{
    /// <returns>Different rows in ascending order; all of them where there are no more than asked.</returns>
    public static int[] Draw(int rows, int count, int seed)
    {
        if (count >= rows)
        {
            return [.. Enumerable.Range(0, rows)];
        }

        // Of the rows left each is taken with the chance (still wanted) / (still there): every sample is equally likely.
        var random = new Random(seed);
        var sample = new int[count];
        int taken = 0;
        for (int row = 0; taken < count; row++)
        {
            if (random.NextInt64(rows - row) < count - taken)
            {
                sample[taken++] = row;
            }
        }

        return sample;
    }

    /// <param name="vectors">[rows, dimension]</param>
    /// <param name="sample">Rows to copy.</param>
    /// <param name="dimension">D</param>
    /// <returns>[sample, dimension]</returns>
    public static float[] Gather(ReadOnlyMemory<float> vectors, int[] sample, int dimension)
    {
        var gathered = new float[(long)sample.Length * dimension];
        for (int i = 0; i < sample.Length; i++)
        {
            vectors.Span.Slice(sample[i] * dimension, dimension).CopyTo(gathered.AsSpan(i * dimension));
        }

        return gathered;
    }
}
