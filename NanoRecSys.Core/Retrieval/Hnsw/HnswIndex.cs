using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.Core.Retrieval.Hnsw;

/// <summary>Search along a graph of near rows: FAISS's <c>IndexHNSWFlat</c>.</summary>
public sealed class HnswIndex : IVectorIndex
{
    // Rows compared for each row kept in sight, about, at 32 edges: tells when comparing all admitted rows is cheaper.
    private const int RowsPerBreadth = 30;

    private readonly ExactRows _rows;
    private int _breadth = 16; // as FAISS starts

    /// <param name="graph">Its edges.</param>
    /// <param name="vectors">[rows, dimension]; kept, not copied.</param>
    /// <param name="dimension">D</param>
    /// <param name="metric">How rows compare with a query.</param>
    /// <param name="level">Instructions to use; the best that there are if null.</param>
    public HnswIndex(HnswGraph graph, ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric, SimdLevel? level = null)
    {
        ArgumentNullException.ThrowIfNull(graph);
        ArgumentOutOfRangeException.ThrowIfNotEqual(vectors.Length, (long)graph.Count * dimension, nameof(vectors));
        Graph = graph;
        Space = new HnswSpace(vectors, dimension, metric, level);
        _rows = new ExactRows(vectors, dimension, metric, level ?? SimdLevels.Best);
    }

    public string Kind => IndexKinds.Hnsw;

    public string Engine => IndexEngines.Managed;

    public VectorMetric Metric => Space.Metric;

    public int Dimension => Space.Dimension;

    public int Count => Graph.Count;

    public long Memory => Graph.Memory + (long)Space.Vectors.Length * sizeof(float);

    public HnswGraph Graph { get; }

    public HnswSpace Space { get; }

    /// <summary>Rows kept in sight while the graph was built (efConstruction).</summary>
    public int BuildBreadth { get; init; } = 40;

    /// <summary>Rows kept in sight (efSearch), at least K: more find more, and cost more.</summary>
    public int Breadth
    {
        get => _breadth;
        set => _breadth = Math.Max(1, value);
    }

    public int Search(ReadOnlySpan<float> query, RowFilter filter, Span<Candidate> results)
    {
        QueryShape.Require(this, query, filter);
        var best = new TopK(results);
        int admitted = filter.CountAdmitted(Count);
        if (results.Length == 0 || admitted == 0)
        {
            return 0;
        }

        // In sight must be as many admitted rows as there would be without a filter.
        long breadth = Math.Max(_breadth, results.Length) * (long)Count / admitted;
        if (breadth * RowsPerBreadth < admitted)
        {
            Walk(query, filter, (int)breadth, ref best);
        }

        // Few are admitted, or the graph does not lead to enough of them.
        if (best.Count < Math.Min(results.Length, admitted))
        {
            best = new TopK(results);
            _rows.ScanAll(query, filter, 0, Count, ref best);
        }

        int found = best.SortBestFirst();
        if (Metric == VectorMetric.L2)
        {
            TopK.Negate(results[..found]);
        }

        return found;
    }

    private void Walk(ReadOnlySpan<float> query, RowFilter filter, int breadth, ref TopK best)
    {
        HnswWalk walk = HnswWalk.Take();
        foreach (Candidate candidate in walk.Search(Graph, Space, query, HnswWalk.Descend(Graph, Space, query, level: 0), level: 0, breadth))
        {
            if (filter.Admits(candidate.Row))
            {
                best.Offer(candidate.Row, candidate.Score);
            }
        }

        HnswWalk.GiveBack(walk);
    }
}
