using System.Buffers;

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
    private const int TileBytes = 1 << 19; // half of a core's L2 cache
    private readonly ReadOnlyMemory<float> _vectors; // [Count, Dimension]
    private readonly ExactRows _rows;
    private readonly ByteRows? _bytes;
    private readonly IVectorKernel _kernel;

    /// <param name="vectors">[rows, dimension], row-major; kept, not copied.</param>
    /// <param name="metric">How rows compare with a query.</param>
    /// <param name="kernel">The kernel to compare with; null for the fastest.</param>
    public FlatIndex(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric = VectorMetric.InnerProduct, IVectorKernel? kernel = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        if (vectors.Length % dimension != 0)
        {
            throw new ArgumentException($"{vectors.Length} values are not rows of {dimension}.", nameof(vectors));
        }

        _vectors = vectors;
        _kernel = kernel ?? VectorKernels.Best;
        _rows = new ExactRows(vectors, dimension, metric, _kernel);
        Dimension = dimension;
        Count = vectors.Length / dimension;
        Metric = metric;

        // Without SIMD for bytes the first pass would cost more than it saves; tests that pass a kernel get it anyway.
        if (Count >= FewRows && ByteRows.Fits(Count, dimension) && (_kernel.IsFastWithBytes || kernel is not null))
        {
            _bytes = ByteRows.Quantize(vectors, dimension, metric);
        }
    }

    /// <param name="vectors">[rows, dimension], row-major; kept, not copied.</param>
    /// <param name="metric">How rows compare with a query.</param>
    public FlatIndex(float[] vectors, int dimension, VectorMetric metric = VectorMetric.InnerProduct)
        : this(vectors.AsMemory(), dimension, metric)
    {
    }

    /// <summary>The file with the rows, if they are not in memory; owned by this index.</summary>
    internal MappedFile? Mapped { private get; init; }

    public string Kind => IndexKinds.Flat;
    public string Engine => IndexEngines.Managed;
    public VectorMetric Metric { get; }
    public int Dimension { get; }
    public int Count { get; }
    public long Memory => (long)_vectors.Length * sizeof(float) + (_bytes?.Memory ?? 0);
    public ReadOnlySpan<float> Vectors => _vectors.Span; // [Count, Dimension], row-major; must not be read after this is disposed
    public ReadOnlyMemory<float> Rows => _vectors; // [Count, Dimension], row-major; valid until this is disposed

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        QueryShape.Require(this, query, filter);
        using MappedFile.Lease held = Hold();
        return Finish(SearchPart(query, filter, results, 0, Count), results);
    }

    /// <summary>One query split over cores, for a fast answer when most cores are idle.</summary>
    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results, int threads)
    {
        QueryShape.Require(this, query, filter);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        using MappedFile.Lease held = Hold();
        int k = results.Length;
        int part = (Count / threads + 63) / 64 * 64; // rounded to whole words of the filter
        float[] shared = query.ToArray(); // a span cannot be passed to other threads
        var found = new Candidate[threads][];
        Parallel.For(0, threads, thread =>
        {
            var best = new Candidate[k];
            int end = thread == threads - 1 ? Count : Math.Min(Count, (thread + 1) * part);
            found[thread] = best[..SearchPart(shared, filter, best, Math.Min(Count, thread * part), end)];
        });

        var all = new TopK(results);
        foreach (Candidate candidate in found.SelectMany(candidates => candidates))
        {
            all.Offer(candidate.Row, candidate.Score);
        }

        return Finish(all.SortBestFirst(), results);
    }

    /// <summary>Many queries at once: each part of the rows is compared with all of them while it is in the cache.</summary>
    /// <param name="queries">[B, Dimension]</param>
    /// <param name="results">[B, k]</param>
    /// <param name="found">[B] number of candidates for each query.</param>
    public void SearchBatch(ReadOnlySpan<float> queries, RowFilter filter, int k, Span<Candidate> results, Span<int> found)
    {
        filter.Require(Count);
        using MappedFile.Lease held = Hold();
        if (_bytes is null || k == 0)
        {
            for (int q = 0; q < found.Length; q++)
            {
                found[q] = Search(queries.Slice(q * Dimension, Dimension), filter, results.Slice(q * k, k));
            }

            return;
        }

        var scans = new RowScan[found.Length];
        for (int q = 0; q < scans.Length; q++)
        {
            scans[q] = new RowScan();
            scans[q].Begin(_bytes, queries.Slice(q * Dimension, Dimension), Metric, k, _kernel);
        }

        int tile = Math.Max(1, TileBytes / Dimension / 64) * 64;
        for (int first = 0; first < Count; first += tile)
        {
            foreach (RowScan scan in scans)
            {
                scan.Scan(_bytes, first, Math.Min(tile, Count - first), Constant(scan), filter, []);
            }
        }

        for (int q = 0; q < scans.Length; q++)
        {
            var best = new TopK(results.Slice(q * k, k));
            _rows.Rescore(scans[q].Candidates, queries.Slice(q * Dimension, Dimension), [], ref best);
            found[q] = Finish(best.SortBestFirst(), results.Slice(q * k, k));
        }
    }

    public void Dispose() => Mapped?.Dispose();

    private MappedFile.Lease Hold() => Mapped?.Hold() ?? default;

    /// <summary>The best rows in a range, with distances negated.</summary>
    private int SearchPart(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results, int first, int end)
    {
        var best = new TopK(results);
        if (_bytes is null || results.Length == 0 || results.Length > (end - first) / 4)
        {
            _rows.ScanAll(query, filter, first, end, ref best);
            return best.SortBestFirst();
        }

        RowScan scan = RowScan.Take();
        scan.Begin(_bytes, query, Metric, results.Length, _kernel);
        scan.Scan(_bytes, first, end - first, Constant(scan), filter, []);
        _rows.Rescore(scan.Candidates, query, [], ref best);
        RowScan.GiveBack(scan);
        return best.SortBestFirst();
    }

    private float Constant(RowScan scan) => Metric == VectorMetric.L2 ? -scan.SquaredNorm : 0;

    private int Finish(int found, Span<Candidate> results)
    {
        TopK.ToScores(Metric, results[..found]);

        return found;
    }
}

/// <summary>fp32 rows that queries are compared with exactly.</summary>
/// <param name="vectors">[Count, D]; may be in a mapped file.</param>
/// <param name="metric">How rows compare with a query.</param>
internal sealed class ExactRows(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric, IVectorKernel kernel)
{
    public int Count { get; } = vectors.Length / dimension;
    public ReadOnlySpan<float> Vectors => vectors.Span; // [Count, D]

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

    /// <summary>Offers the rows kept by a first pass, unless their largest possible score is too low.</summary>
    /// <param name="query">[D]</param>
    /// <param name="ids">The row at each position of the pass; empty if they are the same.</param>
    /// <param name="best">Receives the rows.</param>
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
        float score = kernel.Score(metric, query, rows.Slice(row * dimension, dimension));
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
internal sealed class ExtendedIndex : IVectorIndex
{
    private const int LongestStackBuffer = 256; // candidates; 2 KB
    private readonly IVectorIndex _first;
    private readonly FlatIndex _added;

    private ExtendedIndex(IVectorIndex first, FlatIndex added)
    {
        _first = first;
        _added = added;
    }

    public string Kind => _first.Kind;
    public string Engine => _first.Engine;
    public VectorMetric Metric => _first.Metric;
    public int Dimension => _first.Dimension;
    public int Count => _first.Count + _added.Count;
    public long Memory => _first.Memory + _added.Memory;

    /// <param name="vectors">[rows, Dimension], kept, not copied; the first becomes row <c>index.Count</c>.</param>
    public static ExtendedIndex Add(IVectorIndex index, ReadOnlyMemory<float> vectors) =>
        new(index, new FlatIndex(vectors, index.Dimension, index.Metric));

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        filter.Require(Count);
        Candidate[]? rented = results.Length > LongestStackBuffer ? ArrayPool<Candidate>.Shared.Rent(2 * results.Length) : null;
        Span<Candidate> both = rented is null ? stackalloc Candidate[2 * results.Length] : rented;
        int found = _first.Search(query, Part(filter, 0, _first.Count), both[..results.Length]);
        int added = _added.Search(query, Part(filter, _first.Count, _added.Count), both.Slice(found, results.Length));
        foreach (ref Candidate candidate in both.Slice(found, added))
        {
            candidate = candidate with { Row = candidate.Row + _first.Count };
        }

        var best = new TopK(results);
        foreach (Candidate candidate in both[..(found + added)])
        {
            best.Offer(candidate.Row, Metric == VectorMetric.L2 ? -candidate.Score : candidate.Score);
        }

        int count = best.SortBestFirst();
        TopK.ToScores(Metric, results[..count]);

        if (rented is not null)
        {
            ArrayPool<Candidate>.Shared.Return(rented);
        }

        return count;
    }

    private static RowFilter Part(RowFilter filter, int first, int rows) => new(filter.Excluded?.Slice(first, rows), filter.Allowed?.Slice(first, rows));
}
