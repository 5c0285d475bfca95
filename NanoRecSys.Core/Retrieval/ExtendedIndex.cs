using System.Buffers;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// An index with rows added behind those of the one it was made from: new items come while the index serves, and
/// rebuilding an approximate one takes minutes. The added rows are searched exactly. Immutable; adding makes a new one.
/// </summary>
public sealed class ExtendedIndex : IVectorIndex
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

    /// <param name="index">Stays as it is, for those who hold it.</param>
    /// <param name="vectors">[rows, Dimension]; the first becomes row <c>index.Count</c>.</param>
    public static ExtendedIndex Add(IVectorIndex index, ReadOnlySpan<float> vectors)
    {
        ArgumentNullException.ThrowIfNull(index);
        return index is ExtendedIndex extended
            ? new ExtendedIndex(extended._first, new FlatIndex([.. extended._added.Vectors, .. vectors], index.Dimension, index.Metric))
            : new ExtendedIndex(index, new FlatIndex(vectors.ToArray(), index.Dimension, index.Metric));
    }

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
        if (Metric == VectorMetric.L2)
        {
            TopK.Negate(results[..count]);
        }

        if (rented is not null)
        {
            ArrayPool<Candidate>.Shared.Return(rented);
        }

        return count;
    }

    private static RowFilter Part(RowFilter filter, int first, int rows) => new(filter.Excluded?.Slice(first, rows), filter.Allowed?.Slice(first, rows));
}
