namespace NanoRecSys.Core.Retrieval;

/// <summary>Search along a graph of neighboring rows: FAISS's <c>IndexHNSWFlat</c>.</summary>
internal sealed class HnswIndex : IVectorIndex
{
    // Approximate number of rows compared per row kept, at 32 edges: decides when comparing all admitted rows is cheaper.
    private const int RowsPerBreadth = 30;

    private readonly ExactRows _rows;
    private int _breadth = 16; // FAISS's default

    /// <param name="vectors">[rows, dimension]; kept, not copied.</param>
    /// <param name="kernel">The kernel to compare with; null for the fastest.</param>
    public HnswIndex(HnswGraph graph, ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric, IVectorKernel? kernel = null)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(vectors.Length, (long)graph.Count * dimension, nameof(vectors));
        Graph = graph;
        _rows = new ExactRows(vectors, dimension, metric, kernel);
    }

    public string Kind => IndexKinds.Hnsw;
    public VectorMetric Metric => _rows.Metric;
    public int Dimension => _rows.Dimension;
    public int Count => Graph.Count;
    public long Memory => Graph.Memory + _rows.Memory;
    public HnswGraph Graph { get; }
    public ReadOnlySpan<float> Vectors => _rows.Vectors.Span; // [rows, dimension]
    public int BuildBreadth { get; init; } = 40; // candidates kept while the graph was built (efConstruction)

    /// <summary>Candidates kept during a search (efSearch), at least K: more candidates find more, and cost more.</summary>
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

        // The candidates must include as many admitted rows as there would be without a filter.
        long breadth = Math.Max(_breadth, results.Length) * (long)Count / admitted;
        if (breadth * RowsPerBreadth < admitted)
        {
            Walk(query, filter, (int)breadth, ref best);
        }

        // Few rows are admitted, or the graph does not lead to enough of them.
        if (best.Count < Math.Min(results.Length, admitted))
        {
            best = new TopK(results);
            _rows.ScanAll(query, filter, ref best);
        }

        return best.SortBestFirst(Metric);
    }

    private void Walk(ReadOnlySpan<float> query, RowFilter filter, int breadth, ref TopK best)
    {
        HnswWalk walk = Spare<HnswWalk>.Take();
        foreach (Candidate candidate in walk.Search(Graph, _rows, query, HnswWalk.Descend(Graph, _rows, query, level: 0), level: 0, breadth))
        {
            if (filter.Admits(candidate.Row))
            {
                best.Offer(candidate.Row, candidate.Score);
            }
        }

        Spare<HnswWalk>.GiveBack(walk);
    }
}

/// <summary>
/// Rows with edges to neighboring rows, on levels that thin out upwards, in FAISS's layout. The slots
/// for a row's edges are contiguous, level 0 first; unused ones contain -1.
/// </summary>
internal sealed class HnswGraph
{
    public const int MostEdges = 1 << 11; // maximum edges of a row on an upper level (M) in a file; level 0 has twice as many

    /// <param name="levels">[rows] number of levels of each row, at least 1.</param>
    /// <param name="placesUpTo">Edge slots of a row on all levels below the given one; starts with 0.</param>
    public HnswGraph(int[] levels, int[] placesUpTo)
    {
        Levels = levels;
        PlacesUpTo = placesUpTo;
        Offsets = new long[levels.Length + 1];
        for (int row = 0; row < levels.Length; row++)
        {
            Offsets[row + 1] = Offsets[row] + placesUpTo[levels[row]];
        }

        Neighbors = new int[checked((int)Offsets[^1])];
        Array.Fill(Neighbors, -1);
    }

    public int Count => Levels.Length;
    public int[] Levels { get; } // [rows] number of levels of each row
    public int[] PlacesUpTo { get; } // edge slots of a row on all levels below the given one
    public long[] Offsets { get; } // [rows + 1] start of each row's slots
    public int[] Neighbors { get; } // [slots] the row that an edge leads to, or -1
    public int Entry { get; set; } = -1; // the row that searches start from; -1 for an empty graph
    public int TopLevel => Entry < 0 ? -1 : Levels[Entry] - 1; // the entry's highest level; -1 for an empty graph
    public long Memory => sizeof(int) * (Neighbors.LongLength + Levels.LongLength) + sizeof(long) * Offsets.LongLength;

    public Span<int> Edges(int row, int level) =>
        Neighbors.AsSpan((int)Offsets[row] + PlacesUpTo[level], PlacesUpTo[level + 1] - PlacesUpTo[level]);

    /// <exception cref="InvalidDataException">An edge leads out of the graph or to a row that is not on its level.</exception>
    public void RequireSound()
    {
        if (Count > 0 ? (uint)Entry >= (uint)Count : Entry != -1)
        {
            throw new InvalidDataException($"The graph's entry is {Entry}, but it has {Count} rows.");
        }

        for (int row = 0; row < Count; row++)
        {
            for (int level = 0; level < Levels[row]; level++)
            {
                foreach (int neighbor in Edges(row, level))
                {
                    if (neighbor < -1 || neighbor >= Count || (neighbor >= 0 && Levels[neighbor] <= level))
                    {
                        throw new InvalidDataException($"An edge of row {row} leads to {neighbor} on level {level}, which does not exist.");
                    }
                }
            }
        }
    }
}

/// <summary>
/// Walks a graph towards a query. Used for searching and for building the graph; see <see cref="Spare{T}"/>.
/// </summary>
internal sealed class HnswWalk
{
    private readonly NearestFirst _open = new();
    private readonly VisitedRows _visited = new();
    private Candidate[] _best = [];
    private int[] _fresh = [];

    /// <summary>The best row reached by greedy steps on the levels above <paramref name="level"/>.</summary>
    public static Candidate Descend(HnswGraph graph, ExactRows rows, ReadOnlySpan<float> query, int level)
    {
        var nearest = new Candidate(graph.Entry, rows.Score(query, graph.Entry));
        for (int upper = graph.TopLevel; upper > level; upper--)
        {
            for (int before = -1; before != nearest.Row;)
            {
                before = nearest.Row;
                foreach (int neighbor in graph.Edges(before, upper))
                {
                    if (neighbor < 0)
                    {
                        break;
                    }

                    float score = rows.Score(query, neighbor);
                    nearest = score > nearest.Score ? new Candidate(neighbor, score) : nearest;
                }
            }
        }

        return nearest;
    }

    /// <summary>The best rows around a start on one level.</summary>
    /// <param name="query">[D]</param>
    /// <param name="breadth">Candidates kept (ef): more candidates find more, and cost more.</param>
    /// <returns>Up to <paramref name="breadth"/> rows, best first, valid until the next walk.</returns>
    public ReadOnlySpan<Candidate> Search(HnswGraph graph, ExactRows rows, ReadOnlySpan<float> query, Candidate start, int level, int breadth)
    {
        if (_best.Length < breadth)
        {
            _best = new Candidate[breadth];
        }

        _visited.Begin(graph.Count);
        _open.Clear();
        var best = new TopK(_best.AsSpan(0, breadth));
        _visited.Add(start.Row);
        _open.Push(start);
        best.Offer(start.Row, start.Score);
        while (_open.Count > 0)
        {
            Candidate from = _open.Pop();
            if (from.Score < best.Threshold)
            {
                break;
            }

            // Collected first, then compared: meanwhile the rows are being loaded into the cache.
            foreach (int row in Fresh(graph.Edges(from.Row, level), rows))
            {
                float score = rows.Score(query, row);
                if (score > best.Threshold)
                {
                    best.Offer(row, score);
                    _open.Push(new Candidate(row, score));
                }
            }
        }

        return _best.AsSpan(0, best.SortBestFirst());
    }

    private ReadOnlySpan<int> Fresh(ReadOnlySpan<int> neighbors, ExactRows rows)
    {
        if (_fresh.Length < neighbors.Length)
        {
            _fresh = new int[neighbors.Length];
        }

        int count = 0;
        foreach (int neighbor in neighbors)
        {
            if (neighbor < 0)
            {
                break;
            }

            if (_visited.Add(neighbor))
            {
                rows.Prefetch(neighbor);
                _fresh[count++] = neighbor;
            }
        }

        return _fresh.AsSpan(0, count);
    }
}

/// <summary>Candidates to visit next, best score on top.</summary>
internal sealed class NearestFirst
{
    private Candidate[] _heap = new Candidate[256];

    public int Count { get; private set; }

    public void Clear() => Count = 0;

    public void Push(Candidate candidate)
    {
        if (Count == _heap.Length)
        {
            Array.Resize(ref _heap, 2 * _heap.Length);
        }

        int child = Count++;
        while (child > 0 && _heap[(child - 1) / 2].Score < candidate.Score)
        {
            _heap[child] = _heap[(child - 1) / 2];
            child = (child - 1) / 2;
        }

        _heap[child] = candidate;
    }

    public Candidate Pop()
    {
        Candidate best = _heap[0];
        Candidate last = _heap[--Count];
        int parent = 0;
        while (2 * parent + 1 < Count)
        {
            int child = 2 * parent + 1;
            child += child + 1 < Count && _heap[child + 1].Score > _heap[child].Score ? 1 : 0;
            if (_heap[child].Score <= last.Score)
            {
                break;
            }

            _heap[parent] = _heap[child];
            parent = child;
        }

        _heap[parent] = last;
        return best;
    }
}

/// <summary>Rows visited in this search. Each search marks them with its own number, so that nothing has to be cleared in between.</summary>
internal sealed class VisitedRows
{
    private ushort[] _marks = [];
    private ushort _search;

    public void Begin(int rows)
    {
        if (_marks.Length < rows)
        {
            _marks = new ushort[rows];
            _search = 0;
        }

        if (++_search == 0)
        {
            Array.Clear(_marks);
            _search = 1;
        }
    }

    /// <returns>False if the row was visited before.</returns>
    public bool Add(int row)
    {
        if (_marks[row] == _search)
        {
            return false;
        }

        _marks[row] = _search;
        return true;
    }
}
