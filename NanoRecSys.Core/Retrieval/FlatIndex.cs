using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// Exact search by comparing the query with every row: FAISS's <c>IndexFlatIP</c> and <c>IndexFlatL2</c>. Reads a
/// quarter of the rows' memory: bytes determine which rows can be among the best, and only those are
/// compared in fp32 (see <see cref="RowScan"/>).
/// </summary>
/// <remarks>If the rows are in a mapped file, disposing unmaps it when the running searches have ended; otherwise disposing does nothing.</remarks>
internal sealed class FlatIndex : IVectorIndex, IDisposable
{
    private const int FewRows = 512; // below this, comparing all of them costs less than preparing the query
    private readonly ExactRows _rows;
    private readonly ByteRows? _bytes;

    /// <param name="vectors">[rows, dimension], row-major; kept, not copied.</param>
    /// <param name="kernel">The kernel to compare with; null for the fastest.</param>
    public FlatIndex(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric = VectorMetric.InnerProduct, IVectorKernel? kernel = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (vectors.Length % dimension != 0)
        {
            throw new ArgumentException($"{vectors.Length} values are not rows of {dimension}.", nameof(vectors));
        }

        _rows = new ExactRows(vectors, dimension, metric, kernel);

        // Without SIMD for bytes the first pass would cost more than it saves; tests that pass a kernel get it anyway.
        if (Count >= FewRows && ByteRows.Fits(Count, dimension) && (_rows.Kernel.IsFastWithBytes || kernel is not null))
        {
            _bytes = ByteRows.Quantize(vectors, dimension, metric);
        }
    }

    /// <summary>The file with the rows, if they are not in memory; owned by this index.</summary>
    internal MappedFile? Mapped { private get; init; }

    public string Kind => IndexKinds.Flat;
    public VectorMetric Metric => _rows.Metric;
    public int Dimension => _rows.Dimension;
    public int Count => _rows.Count;
    public long Memory => _rows.Memory + (_bytes?.Memory ?? 0);
    public ReadOnlySpan<float> Vectors => Rows.Span; // [Count, Dimension], row-major; must not be read after this is disposed
    public ReadOnlyMemory<float> Rows => _rows.Vectors; // [Count, Dimension], row-major; valid until this is disposed

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        QueryShape.Require(this, query, filter);
        using MappedFile.Lease held = Mapped?.Hold() ?? default;
        var best = new TopK(results);
        if (_bytes is null || results.Length == 0 || results.Length > Count / 4)
        {
            _rows.ScanAll(query, filter, ref best);
        }
        else
        {
            RowScan scan = Spare<RowScan>.Take();
            scan.Begin(_bytes, query, Metric, results.Length, _rows.Kernel);
            scan.Scan(_bytes, 0, Count, scan.Constant, filter, []);
            _rows.Rescore(scan.Candidates, query, [], ref best);
            Spare<RowScan>.GiveBack(scan);
        }

        return best.SortBestFirst(Metric);
    }

    public void Dispose() => Mapped?.Dispose();
}

/// <summary>fp32 rows that queries are compared with exactly. Larger scores are nearer; distances are negated.</summary>
/// <param name="vectors">[Count, D]; kept, not copied; may be in a mapped file.</param>
/// <param name="kernel">The kernel to compare with; null for the fastest.</param>
internal sealed class ExactRows(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric, IVectorKernel? kernel = null)
{
    private const int CacheLineFloats = 16;

    public int Count { get; } = vectors.Length / dimension;
    public int Dimension => dimension;
    public VectorMetric Metric => metric;
    public IVectorKernel Kernel { get; } = kernel ?? VectorKernels.Best;
    public ReadOnlyMemory<float> Vectors => vectors; // [Count, D]
    public long Memory => (long)vectors.Length * sizeof(float);

    /// <summary>[D]</summary>
    public ReadOnlySpan<float> Row(int row) => vectors.Span.Slice(row * dimension, dimension);

    public float Score(ReadOnlySpan<float> query, int row) => Kernel.Score(metric, query, Row(row));

    /// <summary>Starts loading the row into the cache, without waiting.</summary>
    public unsafe void Prefetch(int row)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        // Only a hint: if the garbage collector moves the row in the meantime, it has no effect.
        ref float first = ref MemoryMarshal.GetReference(Row(row));
        for (int at = 0; at < dimension; at += CacheLineFloats)
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.Add(ref first, at)));
        }
    }

    /// <summary>Offers all rows that the filter admits.</summary>
    public void ScanAll(ReadOnlySpan<float> query, RowFilter filter, ref TopK best)
    {
        ReadOnlySpan<float> rows = vectors.Span;
        for (int row = 0; row < Count; row++)
        {
            if (filter.Admits(row))
            {
                Offer(rows, query, row, ref best);
            }
        }
    }

    /// <summary>Offers the rows kept by a first pass, unless their largest possible score is too low.</summary>
    /// <param name="query">[D]</param>
    /// <param name="ids">The row at each position of the pass; empty if they are the same.</param>
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
        float score = Kernel.Score(metric, query, rows.Slice(row * dimension, dimension));
        if (score >= best.Threshold)
        {
            best.Offer(row, score);
        }
    }
}

/// <summary>
/// An index with rows added after those of an existing one: new items arrive while the index serves, and
/// rebuilding an approximate index takes minutes. The added rows are searched exactly. Immutable; adding creates a new one.
/// </summary>
internal sealed class ExtendedIndex(IVectorIndex first, FlatIndex added) : IVectorIndex
{
    private const int LongestStackBuffer = 256; // candidates; 2 KB

    public string Kind => first.Kind;
    public string Engine => first.Engine;
    public VectorMetric Metric => first.Metric;
    public int Dimension => first.Dimension;
    public int Count => first.Count + added.Count;
    public long Memory => first.Memory + added.Memory;

    /// <param name="vectors">[rows, Dimension], kept, not copied; the first becomes row <c>index.Count</c>.</param>
    public static ExtendedIndex Add(IVectorIndex index, ReadOnlyMemory<float> vectors) =>
        new(index, new FlatIndex(vectors, index.Dimension, index.Metric));

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        filter.Require(Count);
        Candidate[]? rented = results.Length > LongestStackBuffer ? ArrayPool<Candidate>.Shared.Rent(2 * results.Length) : null;
        Span<Candidate> both = rented is null ? stackalloc Candidate[2 * results.Length] : rented;
        int found = first.Search(query, Part(filter, 0, first.Count), both[..results.Length]);
        int foundAdded = added.Search(query, Part(filter, first.Count, added.Count), both.Slice(found, results.Length));
        foreach (ref Candidate candidate in both.Slice(found, foundAdded))
        {
            candidate = candidate with { Row = candidate.Row + first.Count };
        }

        var best = new TopK(results);
        foreach (Candidate candidate in both[..(found + foundAdded)])
        {
            best.Offer(candidate.Row, Metric == VectorMetric.L2 ? -candidate.Score : candidate.Score);
        }

        if (rented is not null)
        {
            ArrayPool<Candidate>.Shared.Return(rented);
        }

        return best.SortBestFirst(Metric);
    }

    private static RowFilter Part(RowFilter filter, int start, int rows) => new(filter.Excluded?.Slice(start, rows), filter.Allowed?.Slice(start, rows));
}
