using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Benchmarks.Index;

/// <summary>The yardstick: what one would write first. One product after the other, no SIMD.</summary>
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
}
