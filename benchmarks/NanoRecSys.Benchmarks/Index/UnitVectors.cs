namespace NanoRecSys.Benchmarks.Index;

/// <summary>Random directions.</summary>
internal static class UnitVectors
{
    /// <returns>[count, dimension], every row of length 1.</returns>
    public static float[] Draw(int count, int dimension, Random random)
    {
        var vectors = new float[count * dimension];
        for (int row = 0; row < count; row++)
        {
            Span<float> vector = vectors.AsSpan(row * dimension, dimension);
            double squares = 0;
            foreach (ref float value in vector)
            {
                value = (float)(random.NextDouble() - 0.5);
                squares += value * value;
            }

            float scale = (float)(1 / Math.Sqrt(squares));
            foreach (ref float value in vector)
            {
                value *= scale;
            }
        }

        return vectors;
    }
}
