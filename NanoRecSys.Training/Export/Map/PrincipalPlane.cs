using System.Numerics.Tensors;

namespace NanoRecSys.Training.Export.Map;

/// <summary>The plane along which vectors differ most: their first two principal components.</summary>
public static class PrincipalPlane
{
    // A start for a layout need not be exact; the directions have settled long before.
    private const int Rounds = 60;

    /// <param name="vectors">[V, D], row-major.</param>
    /// <param name="dimension">D, at least 2.</param>
    /// <param name="random">Where the search for the directions begins.</param>
    /// <returns>[V, 2], row-major, around 0.</returns>
    public static float[] Project(ReadOnlySpan<float> vectors, int dimension, Random random)
    {
        ArgumentNullException.ThrowIfNull(random);
        int count = vectors.Length / dimension;
        float[] mean = Mean(vectors, dimension);
        var centred = new float[vectors.Length]; // [V, D]
        for (int i = 0; i < count; i++)
        {
            TensorPrimitives.Subtract(vectors.Slice(i * dimension, dimension), mean, centred.AsSpan(i * dimension, dimension));
        }

        float[] first = Direction(centred, dimension, random, without: null); // [D]
        float[] second = Direction(centred, dimension, random, without: first); // [D]
        var places = new float[2 * count];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<float> row = centred.AsSpan(i * dimension, dimension);
            places[2 * i] = TensorPrimitives.Dot(row, first);
            places[2 * i + 1] = TensorPrimitives.Dot(row, second);
        }

        return places;
    }

    // Power iteration on the covariance, which is never written down: X^T (X v).
    private static float[] Direction(float[] centred, int dimension, Random random, float[]? without)
    {
        float[] direction = [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)];
        var next = new float[dimension];
        for (int round = 0; round < Rounds; round++)
        {
            Array.Clear(next);
            for (int start = 0; start < centred.Length; start += dimension)
            {
                ReadOnlySpan<float> row = centred.AsSpan(start, dimension);
                TensorPrimitives.MultiplyAdd(row, TensorPrimitives.Dot(row, direction), next, next);
            }

            if (without is not null)
            {
                TensorPrimitives.MultiplyAdd(without, -TensorPrimitives.Dot<float>(next, without), next, next);
            }

            float length = TensorPrimitives.Norm<float>(next);
            if (length == 0)
            {
                return next; // All vectors are alike: any direction tells as little.
            }

            TensorPrimitives.Divide(next, length, direction);
        }

        return direction;
    }

    private static float[] Mean(ReadOnlySpan<float> vectors, int dimension)
    {
        var mean = new float[dimension];
        for (int start = 0; start < vectors.Length; start += dimension)
        {
            TensorPrimitives.Add(mean, vectors.Slice(start, dimension), mean);
        }

        TensorPrimitives.Divide(mean, Math.Max(1, vectors.Length / dimension), mean);
        return mean;
    }
}
