namespace NanoRecSys.Training.Indexing;

/// <summary>Builds the graph of an <see cref="HnswIndex"/>. Rows are added in batches: threads find a batch's neighbors in the graph as it
/// was before, then the edges are set. So the same seed gives the same graph on any number of threads, without locks.</summary>
internal static class HnswBuilder
{
    /// <summary>Candidates kept while searching for neighbors (efConstruction), as in FAISS.</summary>
    public const int Breadth = 40;

    // Rows of a batch do not see each other; batches are a small share of the graph, so few neighbors are missed.
    private const int BatchShare = 50;
    private const int LargestBatch = 1024;

    /// <param name="vectors">[rows, dimension]; kept.</param>
    public static HnswIndex Build(ReadOnlyMemory<float> vectors, int dimension, int edges, VectorMetric metric, BuildControl control)
    {
        var rows = new ExactRows(vectors, dimension, metric);
        HnswGraph graph = Empty(rows.Count, edges, new Random(control.Seed));

        // Highest first: the upper levels are complete before the many rows below search through them.
        int[] order = [.. Enumerable.Range(0, rows.Count).OrderByDescending(row => graph.Levels[row])];
        if (rows.Count > 0)
        {
            graph.Entry = order[0];
        }

        for (int added = 1; added < rows.Count;)
        {
            int batch = Math.Min(rows.Count - added, Math.Clamp(added / BatchShare, 1, LargestBatch));
            Add(graph, rows, order.AsMemory(added, batch), control);
            added += batch;
            control.Progress?.Invoke((double)added / rows.Count);
        }

        return new HnswIndex(graph, vectors, dimension, metric) { BuildBreadth = Breadth };
    }

    private static HnswGraph Empty(int rows, int edges, Random random)
    {
        // A row reaches each further level with probability 1 / M.
        double scale = 1 / Math.Log(edges);
        var levels = new int[rows];
        for (int row = 0; row < rows; row++)
        {
            levels[row] = 1 + (int)(-Math.Log(1 - random.NextDouble()) * scale);
        }

        int most = levels.Append(1).Max();
        return new HnswGraph(levels, [0, .. Enumerable.Range(0, most).Select(level => (level + 2) * edges)]);
    }

    private static void Add(HnswGraph graph, ExactRows rows, ReadOnlyMemory<int> batch, BuildControl control)
    {
        var found = new List<HnswEdge>[batch.Length];
        Parallel.For(0, batch.Length, control.Parallel, i => found[i] = FindNeighbors(graph, rows, batch.Span[i]));
        foreach (List<HnswEdge> edges in found)
        {
            SetEdges(graph, edges);
        }

        // One thread for all edges of a row and level; grouping keeps their order, whichever thread found them.
        HnswEdge[][] groups = [.. found.SelectMany(edges => edges).Select(edge => edge.Reversed)
            .GroupBy(edge => (edge.Source, edge.Level), (_, edges) => edges.ToArray())];
        Parallel.ForEach(groups, control.Parallel, edges => AddBackEdges(graph, rows, edges));
    }

    private static List<HnswEdge> FindNeighbors(HnswGraph graph, ExactRows rows, int row)
    {
        HnswWalk walk = Spare<HnswWalk>.Take();
        var edges = new List<HnswEdge>();
        int top = Math.Min(graph.Levels[row] - 1, graph.TopLevel);
        Candidate start = HnswWalk.Descend(graph, rows, rows.Row(row), top);
        for (int level = top; level >= 0; level--)
        {
            ReadOnlySpan<Candidate> near = walk.Search(graph, rows, rows.Row(row), start, level, Breadth);
            start = near[0];
            foreach (Candidate neighbor in Diverse(rows, near, graph.Edges(row, level).Length))
            {
                edges.Add(new HnswEdge(row, level, neighbor));
            }
        }

        Spare<HnswWalk>.GiveBack(walk);
        return edges;
    }

    private static void SetEdges(HnswGraph graph, List<HnswEdge> edges)
    {
        int place = 0;
        for (int i = 0; i < edges.Count; i++)
        {
            place = i > 0 && edges[i].Level == edges[i - 1].Level ? place + 1 : 0;
            graph.Edges(edges[i].Source, edges[i].Level)[place] = edges[i].Target.Row;
        }
    }

    private static void AddBackEdges(HnswGraph graph, ExactRows rows, ReadOnlySpan<HnswEdge> added)
    {
        int source = added[0].Source;
        Span<int> places = graph.Edges(source, added[0].Level);
        int used = places.IndexOf(-1);
        used = used < 0 ? places.Length : used;
        if (used + added.Length <= places.Length)
        {
            foreach (HnswEdge edge in added)
            {
                places[used++] = edge.Target.Row;
            }

            return;
        }

        // Too many: keep those that lead in different directions, which leaves room for further edges.
        var candidates = new List<Candidate>(used + added.Length);
        foreach (int neighbor in places[..used])
        {
            candidates.Add(new Candidate(neighbor, rows.Score(rows.Row(source), neighbor)));
        }

        foreach (HnswEdge edge in added)
        {
            candidates.Add(edge.Target);
        }

        candidates.Sort(static (a, b) => b.Score != a.Score ? b.Score.CompareTo(a.Score) : a.Row.CompareTo(b.Row));
        places.Fill(-1);
        int place = 0;
        foreach (Candidate neighbor in Diverse(rows, [.. candidates], places.Length))
        {
            places[place++] = neighbor.Row;
        }
    }

    /// <summary>Drops candidates that are nearer to a kept one than to the row itself: they are reachable through it.</summary>
    private static List<Candidate> Diverse(ExactRows rows, ReadOnlySpan<Candidate> near, int most)
    {
        var kept = new List<Candidate>(Math.Min(most, near.Length));
        foreach (Candidate candidate in near)
        {
            if (kept.Count == most)
            {
                break;
            }

            ReadOnlySpan<float> vector = rows.Row(candidate.Row);
            bool isCovered = false;
            foreach (Candidate other in kept)
            {
                if (rows.Score(vector, other.Row) > candidate.Score)
                {
                    isCovered = true;
                    break;
                }
            }

            if (!isCovered)
            {
                kept.Add(candidate);
            }
        }

        return kept;
    }
}

/// <param name="Target">Row it leads to, with the score between the two.</param>
internal readonly record struct HnswEdge(int Source, int Level, Candidate Target)
{
    public HnswEdge Reversed => new(Target.Row, Level, new Candidate(Source, Target.Score));
}
