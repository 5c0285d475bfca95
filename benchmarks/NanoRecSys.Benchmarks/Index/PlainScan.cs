using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>The yardsticks: what one would write first, and the same with SIMD. Every row, one product after the other.</summary>
internal static class PlainScan
{
    public static void Search(float[] vectors, ReadOnlySpan<float> query, RowSet excluded, Span<Candidate> results)
    {
        var best = new TopK(results);
        int dimension = query.Length;
        for (int row = 0; row < vectors.Length / dimension; row++)
        {
            if (excluded.Contains(row))
            {
                continue;
            }

            float sum = 0;
            for (int d = 0; d < dimension; d++)
            {
                sum += query[d] * vectors[row * dimension + d];
            }

            best.Offer(row, sum);
        }

        best.SortBestFirst();
    }

    /// <summary>Brute force in fp32 with SIMD: what an exact search must agree with, sums in the same order.</summary>
    public static void SearchSimd(float[] vectors, ReadOnlySpan<float> query, RowSet excluded, Span<Candidate> results)
    {
        var best = new TopK(results);
        int dimension = query.Length;
        for (int row = 0; row < vectors.Length / dimension; row++)
        {
            if (!excluded.Contains(row))
            {
                best.Offer(row, FloatKernel.Dot(query, vectors.AsSpan(row * dimension, dimension)));
            }
        }

        best.SortBestFirst();
    }
}
