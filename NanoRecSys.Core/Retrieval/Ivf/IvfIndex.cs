using System.Buffers;

namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>
/// Rows in lists by their nearest centroid; a search compares the query with the rows of the <see cref="Probes"/> lists
/// whose centroids are nearest to it. Where a filter leaves too few of them, further lists follow, nearest first.
/// </summary>
public abstract class IvfIndex : IVectorIndex
{
    private const int MostOnStack = 256;
    private int _probes = 1;

    /// <param name="centroids">[lists, D], by the index's metric.</param>
    /// <param name="lists">Which rows each holds.</param>
    protected IvfIndex(FlatIndex centroids, InvertedLists lists)
    {
        ArgumentNullException.ThrowIfNull(centroids);
        ArgumentNullException.ThrowIfNull(lists);
        ArgumentOutOfRangeException.ThrowIfNotEqual(lists.Count, centroids.Count, nameof(lists));
        Centroids = centroids;
        Lists = lists;
    }

    public abstract string Kind { get; }

    public string Engine => IndexEngines.Managed;

    public VectorMetric Metric => Centroids.Metric;

    public int Dimension => Centroids.Dimension;

    public int Count => Lists.Rows;

    public virtual long Memory => Centroids.Memory + Lists.Memory;

    public FlatIndex Centroids { get; }

    public InvertedLists Lists { get; }

    /// <summary>Lists searched for each query: more find more, and cost more. From 1 to the number of lists.</summary>
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

        int found = SearchLists(query, filter, results, _probes);
        if (found < results.Length && _probes < Lists.Count)
        {
            // Rare: the filter is narrow, or lists are short. All lists, and the search stops when it has enough.
            found = SearchLists(query, filter, results, Lists.Count);
        }

        if (Metric == VectorMetric.L2)
        {
            TopK.Negate(results[..found]);
        }

        return found;
    }

    /// <param name="query">[D]</param>
    /// <param name="filter">Its sets are over rows.</param>
    /// <param name="lists">The lists to search, nearest first, with their centroids' scores or distances.</param>
    /// <param name="enough">Lists to search at least; after them the search ends as soon as K rows were seen.</param>
    /// <param name="results">Receives scores; distances negated.</param>
    /// <returns>The number of candidates, best first.</returns>
    protected abstract int SearchLists(ReadOnlySpan<float> query, RowFilter filter, ReadOnlySpan<Candidate> lists, int enough, Span<Candidate> results);

    private int SearchLists(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results, int probes)
    {
        Candidate[]? rented = probes > MostOnStack ? ArrayPool<Candidate>.Shared.Rent(probes) : null;
        Span<Candidate> nearest = rented is null ? stackalloc Candidate[probes] : rented.AsSpan(0, probes);
        int lists = Centroids.Search(query, RowFilter.None, nearest);
        int found = SearchLists(query, filter, nearest[..lists], _probes, results);
        if (rented is not null)
        {
            ArrayPool<Candidate>.Shared.Return(rented);
        }

        return found;
    }
}
