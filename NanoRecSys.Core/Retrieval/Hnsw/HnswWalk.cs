namespace NanoRecSys.Core.Retrieval.Hnsw;

/// <summary>
/// Walks a graph towards a query. Searches and the building of the graph share it. Kept by each thread for its next
/// walk, so that a search allocates nothing.
/// </summary>
public sealed class HnswWalk
{
    [ThreadStatic]
    private static HnswWalk? Idle;

    private readonly NearestFirst _open = new();
    private readonly VisitedRows _visited = new();
    private Candidate[] _best = [];
    private int[] _fresh = [];

    public static HnswWalk Take()
    {
        HnswWalk walk = Idle ?? new HnswWalk();
        Idle = null;
        return walk;
    }

    public static void GiveBack(HnswWalk walk) => Idle = walk;

    /// <summary>The best row that greedy steps reach on the levels above <paramref name="level"/>.</summary>
    public static Candidate Descend(HnswGraph graph, HnswSpace space, ReadOnlySpan<float> query, int level)
    {
        ArgumentNullException.ThrowIfNull(graph);
        var nearest = new Candidate(graph.Entry, space.Score(query, graph.Entry));
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

                    float score = space.Score(query, neighbor);
                    nearest = score > nearest.Score ? new Candidate(neighbor, score) : nearest;
                }
            }
        }

        return nearest;
    }

    /// <summary>The best rows around a start on one level.</summary>
    /// <param name="graph">Where to walk.</param>
    /// <param name="space">What compares.</param>
    /// <param name="query">[D]</param>
    /// <param name="start">Where to begin.</param>
    /// <param name="level">Whose edges to follow.</param>
    /// <param name="breadth">Rows kept in sight (ef): more find more, and cost more.</param>
    /// <returns>Up to <paramref name="breadth"/> rows, best first, valid until the next walk.</returns>
    public ReadOnlySpan<Candidate> Search(HnswGraph graph, HnswSpace space, ReadOnlySpan<float> query, Candidate start, int level, int breadth)
    {
        ArgumentNullException.ThrowIfNull(graph);
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

            // Known first, then compared: the rows are on their way to the cache meanwhile.
            foreach (int row in Fresh(graph.Edges(from.Row, level), space))
            {
                float score = space.Score(query, row);
                if (score > best.Threshold)
                {
                    best.Offer(row, score);
                    _open.Push(new Candidate(row, score));
                }
            }
        }

        return _best.AsSpan(0, best.SortBestFirst());
    }

    private ReadOnlySpan<int> Fresh(ReadOnlySpan<int> neighbors, HnswSpace space)
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
                space.Prefetch(neighbor);
                _fresh[count++] = neighbor;
            }
        }

        return _fresh.AsSpan(0, count);
    }
}
