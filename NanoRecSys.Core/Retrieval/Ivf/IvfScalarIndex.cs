using System.Buffers;
using System.Numerics.Tensors;
using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>
/// Lists of rows as one byte per dimension: FAISS's <c>IndexIVFScalarQuantizer</c> with <c>QT_8bit</c>. The bytes are
/// compared as integers first; the few rows that count are decoded.
/// </summary>
/// <remarks>
/// With centroid c and decoded rest r: the inner product is q.c + q.r, and |q - c - r|^2 = |q - c|^2 - 2 q.r +
/// (|r|^2 + 2 c.r), whose last part belongs to the row alone. So the query is scaled to the codes once, for all lists.
/// </remarks>
public sealed class IvfScalarIndex : IvfIndex
{
    private readonly ByteRows _bytes;
    private readonly int[] _listOfPosition;
    private readonly float[] _weights; // [D] value of one step of a code
    private readonly float[] _middles; // [D] value of code 128
    private readonly SimdLevel _level;

    /// <param name="centroids">[lists, D]</param>
    /// <param name="lists">Made with an alignment of <see cref="IvfFlatIndex.ListAlignment"/>.</param>
    /// <param name="quantizer">What codes stand for.</param>
    /// <param name="byResidual">Whether codes stand for the difference to the list's centroid.</param>
    /// <param name="codeAt">Writes the [D] codes of a position; may be called by several threads.</param>
    /// <param name="level">Instructions to use; the best that there are if null.</param>
    public IvfScalarIndex(
        FlatIndex centroids, InvertedLists lists, ScalarQuantizer quantizer, bool byResidual, PositionCode codeAt, SimdLevel? level = null)
        : base(centroids, lists)
    {
        ArgumentNullException.ThrowIfNull(quantizer);
        ArgumentNullException.ThrowIfNull(codeAt);
        Quantizer = quantizer;
        ByResidual = byResidual;
        _level = level ?? SimdLevels.Best;
        _weights = [.. quantizer.Range.Select(range => range / 255)];
        _middles = [.. quantizer.Least.Select((least, d) => least + 128.5f * _weights[d])];
        _listOfPosition = lists.ListOfPositions();
        _bytes = new ByteRows(lists.Positions, Dimension);
        Parallel.For(0, lists.Count, list =>
        {
            Span<byte> codes = new byte[Dimension];
            var decoded = new float[Dimension];
            for (int position = lists.Start(list); position < lists.Start(list) + lists.Size(list); position++)
            {
                codeAt(position, codes);
                quantizer.Decode(codes, decoded);
                _bytes.Set(position, codes, Metric == VectorMetric.L2 ? -OwnPart(list, decoded) : 0);
            }
        });
        _bytes.Complete();
    }

    public override string Kind => IndexKinds.IvfScalar;

    public override long Memory => base.Memory + _bytes.Memory + sizeof(int) * _listOfPosition.LongLength;

    public ScalarQuantizer Quantizer { get; }

    public bool ByResidual { get; }

    /// <param name="position">In the lists.</param>
    /// <param name="codes">[D]</param>
    public void ReadCodes(int position, Span<byte> codes) => _bytes.Read(position, codes);

    protected override int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, int enough, Span<Candidate> results)
    {
        float[] scaled = ArrayPool<float>.Shared.Rent(2 * Dimension);
        TensorPrimitives.Multiply(query, _weights, scaled); // [D]
        float middle = TensorPrimitives.Dot(query, _middles);
        RowScan scan = RowScan.Take();
        scan.Begin(_bytes, scaled.AsSpan(0, Dimension), Metric, results.Length, _level);
        for (int i = 0; i < lists.Length && (i < enough || !scan.Candidates.IsFull); i++)
        {
            scan.Scan(_bytes, Lists.Start(lists[i].Row), Lists.Size(lists[i].Row), Constant(query, lists[i].Score, middle), filter, Lists.Ids);
        }

        var best = new TopK(results);
        Rescore(scan.Candidates, query, scaled.AsSpan(Dimension, Dimension), ref best);
        RowScan.GiveBack(scan);
        ArrayPool<float>.Shared.Return(scaled);
        return best.SortBestFirst();
    }

    private float Constant(ReadOnlySpan<float> query, float centroid, float middle) => (Metric, ByResidual) switch
    {
        (VectorMetric.InnerProduct, true) => centroid + middle,
        (VectorMetric.InnerProduct, false) => middle,
        (_, true) => -centroid + 2 * middle,
        _ => 2 * middle - TensorPrimitives.Dot(query, query),
    };

    // |r|^2 + 2 c.r
    private float OwnPart(int list, ReadOnlySpan<float> decoded)
    {
        float squares = TensorPrimitives.Dot(decoded, decoded);
        return ByResidual ? squares + 2 * TensorPrimitives.Dot(Centroid(list), decoded) : squares;
    }

    private ReadOnlySpan<float> Centroid(int list) => Centroids.Vectors.Slice(list * Dimension, Dimension);

    private void Rescore(BoundedCandidates kept, ReadOnlySpan<float> query, Span<float> row, ref TopK best)
    {
        byte[] codes = ArrayPool<byte>.Shared.Rent(Dimension);
        foreach (Candidate candidate in kept.Pending)
        {
            if (candidate.Score < kept.Floor || candidate.Score < best.Threshold)
            {
                continue;
            }

            _bytes.Read(candidate.Row, codes.AsSpan(0, Dimension));
            Quantizer.Decode(codes.AsSpan(0, Dimension), row);
            if (ByResidual)
            {
                TensorPrimitives.Add(row, Centroid(_listOfPosition[candidate.Row]), row);
            }

            best.Offer(Lists.Ids[candidate.Row], FloatKernel.Score(Metric, query, row, _level));
        }

        ArrayPool<byte>.Shared.Return(codes);
    }
}
