using System.Numerics.Tensors;

namespace NanoRecSys.Training.Indexing.Ann;

/// <summary>Queries for vectors without users: rows pushed by noise as long as <see cref="Noise"/> of the row, as a taste is near some items.</summary>
internal static class AnnQueries
{
    public const float Noise = 0.5f;

    /// <returns>[count, dimension], of length 1.</returns>
    public static float[] Draw(ReadOnlyMemory<float> vectors, int dimension, int count, int seed)
    {
        var random = new Random(seed);
        float[] queries = RowSample.Gather(vectors, RowSample.Draw(vectors.Length / dimension, count, seed), dimension);
        var noise = new float[dimension];
        for (int start = 0; start < queries.Length; start += dimension)
        {
            Span<float> query = queries.AsSpan(start, dimension);
            Gaussian.Fill(noise, random);
            float scale = Noise * TensorPrimitives.Norm<float>(query) / TensorPrimitives.Norm<float>(noise);
            TensorPrimitives.MultiplyAdd(noise, scale, query, query);
            float norm = TensorPrimitives.Norm<float>(query);
            TensorPrimitives.Divide(query, norm > 0 ? norm : 1, query);
        }

        return queries;
    }
}
