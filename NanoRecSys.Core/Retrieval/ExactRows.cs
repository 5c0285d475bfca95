using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.Core.Retrieval;

/// <summary>fp32 rows that queries are compared with exactly.</summary>
/// <param name="vectors">[Count, D]; may be a mapped file's.</param>
/// <param name="dimension">D</param>
/// <param name="metric">How rows compare with a query.</param>
/// <param name="level">Instructions to use.</param>
internal sealed class ExactRows(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric, SimdLevel level)
{
    public int Count { get; } = vectors.Length / dimension;

    /// <summary>[Count, D]</summary>
    public ReadOnlySpan<float> Vectors => vectors.Span;

    /// <summary>Offers the rows from <paramref name="first"/> up to <paramref name="end"/> that the filter admits.</summary>
    public void ScanAll(ReadOnlySpan<float> query, RowFilter filter, int first, int end, ref TopK best)
    {
        ReadOnlySpan<float> rows = vectors.Span;
        for (int row = first; row < end; row++)
        {
            if (filter.Admits(row))
            {
                Offer(rows, query, row, ref best);
            }
        }
    }

    /// <summary>Offers the rows that a first pass kept, unless what they can score at most is too little.</summary>
    /// <param name="kept">By the first pass.</param>
    /// <param name="query">[D]</param>
    /// <param name="ids">The row at each position of the pass; empty where they are the same.</param>
    /// <param name="best">Receives them.</param>
    public void Rescore(BoundedCandidates kept, ReadOnlySpan<float> query, ReadOnlySpan<int> ids, ref TopK best)
    {
        ReadOnlySpan<float> rows = vectors.Span;
        float floor = kept.Floor;
        foreach (Candidate candidate in kept.Pending)
        {
            if (!(candidate.Score < floor) && !(candidate.Score < best.Threshold))
            {
                Offer(rows, query, ids.IsEmpty ? candidate.Row : ids[candidate.Row], ref best);
            }
        }
    }

    private void Offer(ReadOnlySpan<float> rows, ReadOnlySpan<float> query, int row, ref TopK best)
    {
        float score = FloatKernel.Score(metric, query, rows.Slice(row * dimension, dimension), level);
        if (score >= best.Threshold)
        {
            best.Offer(row, score);
        }
    }
}
