using System.Buffers;
using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// Rows in lists by their nearest centroid; a search compares the query with the rows of the <see cref="Probes"/> lists
/// whose centroids are nearest to it. If a filter leaves too few of them, further lists follow, nearest first.
/// </summary>
internal abstract class IvfIndex : IVectorIndex
{
    private const int MostOnStack = 256;
    private int _probes = 1;

    /// <param name="centroids">[lists, D], with the index's metric.</param>
    protected IvfIndex(FlatIndex centroids, InvertedLists lists)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(lists.Count, centroids.Count, nameof(lists));
        Centroids = centroids;
        Lists = lists;
    }

    public abstract string Kind { get; }
    public VectorMetric Metric => Centroids.Metric;
    public int Dimension => Centroids.Dimension;
    public int Count => Lists.Rows;
    public virtual long Memory => Centroids.Memory + Lists.Memory;
    public FlatIndex Centroids { get; }
    public InvertedLists Lists { get; }

    /// <summary>Number of lists searched for each query, from 1 to all: more lists find more, and cost more.</summary>
    public int Probes
    {
        get => _probes;
        set => _probes = Math.Clamp(value, 1, Math.Max(1, Lists.Count));
    }

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        QueryShape.Require(this, query, filter);
        if (results.Length == 0 || Count == 0)
        {
            return 0;
        }

        // Rarely too few: the filter is narrow, or lists are short. Then all lists are candidates, and the search stops when it has enough rows.
        int found = SearchLists(query, filter, results, _probes);
        return found < results.Length && _probes < Lists.Count ? SearchLists(query, filter, results, Lists.Count) : found;
    }

    /// <param name="query">[D]</param>
    /// <param name="lists">
    /// The lists to search, nearest first, with their centroids' scores or distances. After <see cref="Probes"/> of them the search ends as soon
    /// as K rows were seen.
    /// </param>
    /// <param name="results">Receives scores or distances.</param>
    /// <returns>The number of candidates, best first.</returns>
    protected abstract int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, Span<Candidate> results);

    private int SearchLists(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results, int probes)
    {
        Candidate[]? rented = probes > MostOnStack ? ArrayPool<Candidate>.Shared.Rent(probes) : null;
        Span<Candidate> nearest = rented is null ? stackalloc Candidate[probes] : rented.AsSpan(0, probes);
        int lists = Centroids.Search(query, RowFilter.None, nearest);
        int found = SearchLists(query, filter, nearest[..lists], results);
        if (rented is not null)
        {
            ArrayPool<Candidate>.Shared.Return(rented);
        }

        return found;
    }
}

/// <summary>Lists of fp32 rows: FAISS's <c>IndexIVFFlat</c>. Bytes are compared first, as in <see cref="FlatIndex"/>.</summary>
internal sealed class IvfFlatIndex : IvfIndex
{
    private readonly ExactRows _rows;
    private readonly ByteRows _bytes;

    /// <param name="centroids">[lists, D]</param>
    /// <param name="lists">Created with an alignment of <see cref="ListAlignment"/>.</param>
    /// <param name="vectors">[rows, D] in the order of rows, not of lists; kept, not copied.</param>
    /// <param name="kernel">The kernel to compare with; null for the fastest.</param>
    public IvfFlatIndex(FlatIndex centroids, InvertedLists lists, ReadOnlyMemory<float> vectors, IVectorKernel? kernel = null)
        : base(centroids, lists)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(vectors.Length, lists.Rows * centroids.Dimension, nameof(vectors));
        _rows = new ExactRows(vectors, Dimension, Metric, kernel);
        _bytes = new ByteRows(lists.Positions, Dimension);
        _bytes.Fill(lists.Positions, position => lists.Ids[position], vectors, Metric);
    }

    public static int ListAlignment => VectorKernels.BlockRows; // rows of a block; every list starts at a block
    public override string Kind => IndexKinds.IvfFlat;
    public override long Memory => base.Memory + _rows.Memory + _bytes.Memory;
    public ReadOnlySpan<float> Vectors => _rows.Vectors.Span; // [rows, D] in the order of rows

    protected override int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, Span<Candidate> results)
    {
        RowScan scan = Spare<RowScan>.Take();
        scan.Begin(_bytes, query, Metric, results.Length, _rows.Kernel);
        for (int i = 0; i < lists.Length && (i < Probes || !scan.Candidates.IsFull); i++)
        {
            scan.Scan(_bytes, Lists.Start(lists[i].Row), Lists.Size(lists[i].Row), scan.Constant, filter, Lists.Ids);
        }

        var best = new TopK(results);
        _rows.Rescore(scan.Candidates, query, Lists.Ids, ref best);
        Spare<RowScan>.GiveBack(scan);
        return best.SortBestFirst(Metric);
    }
}

/// <summary>
/// Lists of rows as one byte per dimension: FAISS's <c>IndexIVFScalarQuantizer</c> with <c>QT_8bit</c>. The bytes are
/// first compared as integers; the few rows that matter are decoded.
/// </summary>
/// <remarks>
/// With centroid c and decoded residual r: the inner product is q.c + q.r, and |q - c - r|^2 = |q - c|^2 - 2 q.r +
/// (|r|^2 + 2 c.r), whose last part depends only on the row. So the query is scaled to the codes once, for all lists.
/// </remarks>
internal sealed class IvfScalarIndex : IvfIndex
{
    private readonly ByteRows _bytes;
    private readonly int[] _listOfPosition;
    private readonly float[] _weights; // [D] value of one step of a code
    private readonly float[] _middles; // [D] value of code 128
    private readonly IVectorKernel _kernel;

    /// <param name="centroids">[lists, D]</param>
    /// <param name="lists">Created with an alignment of <see cref="IvfFlatIndex.ListAlignment"/>.</param>
    /// <param name="byResidual">Whether codes encode the difference from the list's centroid.</param>
    /// <param name="codeAt">Writes the [D] codes of a position; may be called by several threads.</param>
    /// <param name="kernel">The kernel to compare with; null for the fastest.</param>
    public IvfScalarIndex(
        FlatIndex centroids, InvertedLists lists, ScalarQuantizer quantizer, bool byResidual, PositionCode codeAt, IVectorKernel? kernel = null)
        : base(centroids, lists)
    {
        Quantizer = quantizer;
        ByResidual = byResidual;
        _kernel = kernel ?? VectorKernels.Best;
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

    /// <param name="codes">[D]</param>
    public void ReadCodes(int position, Span<byte> codes) => _bytes.Read(position, codes);

    protected override int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, Span<Candidate> results)
    {
        float[] scaled = ArrayPool<float>.Shared.Rent(2 * Dimension);
        TensorPrimitives.Multiply(query, _weights, scaled); // [D]
        float middle = TensorPrimitives.Dot(query, _middles);
        RowScan scan = Spare<RowScan>.Take();
        scan.Begin(_bytes, scaled.AsSpan(0, Dimension), Metric, results.Length, _kernel);
        for (int i = 0; i < lists.Length && (i < Probes || !scan.Candidates.IsFull); i++)
        {
            scan.Scan(_bytes, Lists.Start(lists[i].Row), Lists.Size(lists[i].Row), Constant(query, lists[i].Score, middle), filter, Lists.Ids);
        }

        var best = new TopK(results);
        Rescore(scan.Candidates, query, scaled.AsSpan(Dimension, Dimension), ref best);
        Spare<RowScan>.GiveBack(scan);
        ArrayPool<float>.Shared.Return(scaled);
        return best.SortBestFirst(Metric);
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

            best.Offer(Lists.Ids[candidate.Row], _kernel.Score(Metric, query, row));
        }

        ArrayPool<byte>.Shared.Return(codes);
    }
}

/// <summary>
/// One byte per dimension between the smallest and the largest value seen there: FAISS's <c>QT_8bit</c>. Code c represents
/// least + (c + 0.5) / 255 * range.
/// </summary>
/// <param name="Least">[D]</param>
/// <param name="Range">[D]</param>
internal sealed record ScalarQuantizer(float[] Least, float[] Range)
{
    /// <param name="vectors">[rows, D]; later values outside the range are clamped.</param>
    public static ScalarQuantizer Train(ReadOnlySpan<float> vectors, int dimension)
    {
        var least = new float[dimension];
        var range = new float[dimension];
        for (int d = 0; d < dimension && !vectors.IsEmpty; d++)
        {
            (float low, float high) = (float.PositiveInfinity, float.NegativeInfinity);
            for (int i = d; i < vectors.Length; i += dimension)
            {
                (low, high) = (Math.Min(low, vectors[i]), Math.Max(high, vectors[i]));
            }

            (least[d], range[d]) = (low, high - low);
        }

        return new ScalarQuantizer(least, range);
    }

    /// <param name="vector">[D]</param>
    /// <param name="codes">[D]</param>
    public void Encode(ReadOnlySpan<float> vector, Span<byte> codes)
    {
        for (int d = 0; d < vector.Length; d++)
        {
            float share = Range[d] == 0 ? 0 : Math.Clamp((vector[d] - Least[d]) / Range[d], 0, 1);
            codes[d] = (byte)(255 * share);
        }
    }

    /// <param name="codes">[D]</param>
    /// <param name="vector">[D]</param>
    public void Decode(ReadOnlySpan<byte> codes, Span<float> vector)
    {
        for (int d = 0; d < vector.Length; d++)
        {
            vector[d] = Least[d] + (codes[d] + 0.5f) / 255 * Range[d];
        }
    }
}

/// <summary>
/// The rows of each list. Every list starts at a multiple of a block's rows, so that its rows can be compared a
/// block at a time; positions between lists are empty.
/// </summary>
/// <param name="starts">[lists]</param>
/// <param name="sizes">[lists]</param>
/// <param name="ids">[positions], -1 if empty.</param>
internal sealed class InvertedLists(int[] starts, int[] sizes, int[] ids, int rows)
{
    public int Count => sizes.Length;
    public int Rows => rows; // rows in all lists
    public int Positions => ids.Length;
    public ReadOnlySpan<int> Ids => ids; // [Positions] the row at each, or -1
    public long Memory => sizeof(int) * (ids.LongLength + 2L * sizes.Length);

    public int Start(int list) => starts[list];

    public int Size(int list) => sizes[list];

    /// <returns>[Positions] the list of each position, -1 if it is empty.</returns>
    public int[] ListOfPositions()
    {
        var lists = new int[ids.Length];
        Array.Fill(lists, -1);
        for (int list = 0; list < Count; list++)
        {
            lists.AsSpan(starts[list], sizes[list]).Fill(list);
        }

        return lists;
    }

    /// <param name="listOfRow">[rows] the list of each row; rows of a list stay in their order.</param>
    public static InvertedLists FromAssignment(ReadOnlySpan<int> listOfRow, int count, int alignment)
    {
        var sizes = new int[count];
        foreach (int list in listOfRow)
        {
            sizes[list]++;
        }

        (int[] starts, int[] ids) = Lay(sizes, alignment);
        var next = (int[])starts.Clone();
        for (int row = 0; row < listOfRow.Length; row++)
        {
            ids[next[listOfRow[row]]++] = row;
        }

        return new InvertedLists(starts, sizes, ids, listOfRow.Length);
    }

    /// <param name="rowsOfLists">[lists][] the rows of each, in their order.</param>
    /// <exception cref="InvalidDataException">The rows are not 0 to n-1, each once.</exception>
    public static InvertedLists FromLists(IReadOnlyList<long[]> rowsOfLists, int alignment)
    {
        int[] sizes = [.. rowsOfLists.Select(list => list.Length)];
        int rows = checked((int)sizes.Sum(size => (long)size));
        (int[] starts, int[] ids) = Lay(sizes, alignment);
        var seen = new RowSet(rows);
        for (int list = 0; list < sizes.Length; list++)
        {
            for (int i = 0; i < sizes[list]; i++)
            {
                long id = rowsOfLists[list][i];
                if (id < 0 || id >= rows || !seen.Add((int)id))
                {
                    throw new InvalidDataException($"List {list} holds id {id}: the ids of {rows} rows must be 0 to {rows - 1}, each once.");
                }

                ids[starts[list] + i] = (int)id;
            }
        }

        return new InvertedLists(starts, sizes, ids, rows);
    }

    private static (int[] Starts, int[] Ids) Lay(int[] sizes, int alignment)
    {
        var starts = new int[sizes.Length];
        long next = 0;
        for (int list = 0; list < sizes.Length; list++)
        {
            starts[list] = checked((int)next);
            next += (sizes[list] + alignment - 1) / alignment * alignment;
        }

        var ids = new int[checked((int)next)];
        Array.Fill(ids, -1);
        return (starts, ids);
    }
}

internal delegate void PositionCode(int position, Span<byte> code);
