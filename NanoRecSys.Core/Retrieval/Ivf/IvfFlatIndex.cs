using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>Lists of fp32 rows: FAISS's <c>IndexIVFFlat</c>. Bytes are compared first, as in <see cref="FlatIndex"/>.</summary>
public sealed class IvfFlatIndex : IvfIndex
{
    private readonly ReadOnlyMemory<float> _vectors;
    private readonly ExactRows _rows;
    private readonly ByteRows _bytes;
    private readonly SimdLevel _level;

    /// <param name="centroids">[lists, D]</param>
    /// <param name="lists">Made with an alignment of <see cref="ListAlignment"/>.</param>
    /// <param name="vectors">[rows, D] in the order of rows, not of lists; kept, not copied.</param>
    /// <param name="level">Instructions to use; the best that there are if null.</param>
    public IvfFlatIndex(FlatIndex centroids, InvertedLists lists, ReadOnlyMemory<float> vectors, SimdLevel? level = null)
        : base(centroids, lists)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(vectors.Length, lists.Rows * centroids.Dimension, nameof(vectors));
        _vectors = vectors;
        _level = level ?? SimdLevels.Best;
        _rows = new ExactRows(vectors, Dimension, Metric, _level);
        _bytes = new ByteRows(lists.Positions, Dimension);
        _bytes.Fill(lists.Positions, position => lists.Ids[position], vectors, Metric);
    }

    /// <summary>Rows of a block, at which every list starts.</summary>
    public static int ListAlignment => ByteKernel.BlockRows;

    public override string Kind => IndexKinds.IvfFlat;

    public override long Memory => base.Memory + (long)_vectors.Length * sizeof(float) + _bytes.Memory;

    /// <summary>[rows, D] in the order of rows.</summary>
    public ReadOnlySpan<float> Vectors => _vectors.Span;

    protected override int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, int enough, Span<Candidate> results)
    {
        RowScan scan = RowScan.Take();
        scan.Begin(_bytes, query, Metric, results.Length, _level);
        float constant = Metric == VectorMetric.L2 ? -scan.SquaredNorm : 0;
        for (int i = 0; i < lists.Length && (i < enough || !scan.Candidates.IsFull); i++)
        {
            scan.Scan(_bytes, Lists.Start(lists[i].Row), Lists.Size(lists[i].Row), constant, filter, Lists.Ids);
        }

        var best = new TopK(results);
        _rows.Rescore(scan.Candidates, query, Lists.Ids, ref best);
        RowScan.GiveBack(scan);
        return best.SortBestFirst();
    }
}
