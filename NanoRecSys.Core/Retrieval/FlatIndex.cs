using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Retrieval;

/// <summary>Exact search by comparing the query with every row: FAISS's <c>IndexFlatIP</c> and <c>IndexFlatL2</c>.</summary>
public sealed class FlatIndex : IVectorIndex
{
    private readonly float[] _vectors; // [Count, Dimension]

    /// <param name="vectors">[rows, dimension], row-major; kept, not copied.</param>
    /// <param name="dimension">Width of a row.</param>
    /// <param name="metric">How rows compare with a query.</param>
    public FlatIndex(float[] vectors, int dimension, VectorMetric metric = VectorMetric.InnerProduct)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (vectors.Length % dimension != 0)
        {
            throw new ArgumentException($"{vectors.Length} values are not rows of {dimension}.", nameof(vectors));
        }

        _vectors = vectors;
        Dimension = dimension;
        Count = vectors.Length / dimension;
        Metric = metric;
    }

    public string Kind => "flat";

    public string Engine => "managed";

    public VectorMetric Metric { get; }

    public int Dimension { get; }

    public int Count { get; }

    /// <summary>[Count, Dimension], row-major.</summary>
    public ReadOnlySpan<float> Vectors => _vectors;

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        if (query.Length != Dimension)
        {
            throw new ArgumentException($"The query has {query.Length} dimensions, the index has {Dimension}.", nameof(query));
        }

        filter.Require(Count);
        var best = new TopK(results);
        for (int row = 0; row < Count; row++)
        {
            if (!filter.Admits(row))
            {
                continue;
            }

            ReadOnlySpan<float> vector = _vectors.AsSpan(row * Dimension, Dimension);
            float score = Metric == VectorMetric.InnerProduct
                ? TensorPrimitives.Dot(query, vector)
                : -SquaredDistance(query, vector);
            if (score >= best.Threshold)
            {
                best.Offer(row, score);
            }
        }

        int found = best.SortBestFirst();
        if (Metric == VectorMetric.L2)
        {
            TopK.Negate(results[..found]);
        }

        return found;
    }

    // TensorPrimitives.Distance takes the root, and squaring it again loses digits that decide close races.
    private static float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ReadOnlySpan<Vector<float>> wideA = MemoryMarshal.Cast<float, Vector<float>>(a);
        ReadOnlySpan<Vector<float>> wideB = MemoryMarshal.Cast<float, Vector<float>>(b);
        Vector<float> sums = Vector<float>.Zero;
        for (int i = 0; i < wideA.Length; i++)
        {
            Vector<float> difference = wideA[i] - wideB[i];
            sums += difference * difference;
        }

        float sum = Vector.Sum(sums);
        for (int i = wideA.Length * Vector<float>.Count; i < a.Length; i++)
        {
            float difference = a[i] - b[i];
            sum += difference * difference;
        }

        return sum;
    }
}
