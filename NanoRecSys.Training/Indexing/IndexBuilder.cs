using System.Numerics.Tensors;

namespace NanoRecSys.Training.Indexing;

internal static class IndexBuilder
{
    /// <param name="vectors">[rows, dimension]; kept by the kinds that compare exact rows.</param>
    public static IVectorIndex Build(ReadOnlyMemory<float> vectors, int dimension, IndexShape shape, VectorMetric metric, BuildControl control) => shape.Kind switch
    {
        IndexKinds.Flat => new FlatIndex(vectors, dimension, metric),
        IndexKinds.Hnsw => HnswBuilder.Build(vectors, dimension, shape.Edges, metric, control),
        _ => IvfBuilder.Build(vectors, dimension, shape, metric, control),
    };
}

/// <param name="Seed">The same seed gives the same index on any number of threads.</param>
/// <param name="Progress">Receives the completed share, 0 to 1.</param>
internal sealed record BuildControl(int Seed, int Threads, Action<double>? Progress = null, CancellationToken Cancellation = default)
{
    public ParallelOptions Parallel => new() { MaxDegreeOfParallelism = Math.Max(1, Threads), CancellationToken = Cancellation };

    /// <summary>For a part of the work: maps its progress, 0 to 1, to <paramref name="from"/>..<paramref name="to"/>.</summary>
    public BuildControl Part(double from, double to) => this with { Progress = share => Progress?.Invoke(from + share * (to - from)) };
}

/// <param name="Lists">Number of lists (nlist), for the kinds with lists.</param>
/// <param name="Parts">Bytes of a code (m), for <see cref="IndexKinds.IvfProduct"/>.</param>
/// <param name="Edges">Edges per row (M), for <see cref="IndexKinds.Hnsw"/>; twice as many on the lowest level.</param>
internal sealed record IndexShape(string Kind, int Lists = 0, int Parts = 0, int Edges = 0)
{
    /// <summary>In the notation of FAISS's index factory: <c>IVF4096,PQ32</c>.</summary>
    public override string ToString() => Kind switch
    {
        IndexKinds.IvfFlat => $"IVF{Lists},Flat",
        IndexKinds.IvfScalar => $"IVF{Lists},SQ8",
        IndexKinds.IvfProduct => $"IVF{Lists},PQ{Parts}",
        IndexKinds.Hnsw => $"HNSW{Edges},Flat",
        _ => "Flat",
    };
}

internal static class DefaultShapes
{
    /// <summary>Below it, a flat index answers within about a millisecond, and no approximate index is worthwhile.</summary>
    public const int FlatBelow = 100_000;

    private const int Edges = 32;
    private const int DimensionsPerPart = 8;
    private const int RowsPerList = 39; // with fewer, k-means learns noise (FAISS warns)

    public static IndexShape For(string kind, int rows, int dimension, int? lists = null, int? parts = null, int? edges = null)
    {
        // About 4 sqrt(n) lists balance the comparisons with centroids and with rows.
        int most = Math.Max(1, rows / RowsPerList);
        int count = lists ?? Math.Clamp((int)(4 * Math.Sqrt(rows)), 1, most);
        switch (kind)
        {
            case IndexKinds.Flat:
                return new IndexShape(kind);
            case IndexKinds.Hnsw:
                return edges is null or (>= 2 and <= HnswGraph.MostEdges)
                    ? new IndexShape(kind, Edges: edges ?? Edges)
                    : throw new UserErrorException($"A graph has 2 to {HnswGraph.MostEdges:N0} edges per row, not {edges:N0}.");
        }

        UserErrorException.ThrowIf(count < 1 || count > rows, $"{rows:N0} items cannot be divided into {count:N0} lists. Set 1 to {rows:N0}.");

        if (kind != IndexKinds.IvfProduct)
        {
            return new IndexShape(kind, count);
        }

        int bytes = parts ?? Math.Max(1, dimension / DimensionsPerPart);
        UserErrorException.ThrowIf(bytes < 1 || dimension % bytes != 0, $"{dimension} dimensions cannot be cut into {bytes} equal parts.");

        return rows >= ProductQuantizer.Centroids
            ? new IndexShape(kind, count, bytes)
            : throw new UserErrorException($"Product codes need at least {ProductQuantizer.Centroids} items, there are {rows}. Use another kind of index.");
    }
}

/// <summary>Search width of an index: lists probed or candidates kept.</summary>
/// <param name="Name">FAISS's name for it.</param>
internal sealed record SearchWidth(string Name, int Least, int Most, Func<int> Get, Action<int> Set)
{
    private const int MostCandidates = 4096; // a search that wide compares most rows

    /// <param name="k">Number of neighbors to measure by: a graph keeps at least as many candidates, even for smaller queries later.</param>
    /// <returns>Null if the index compares all rows.</returns>
    public static SearchWidth? Of(IVectorIndex index, int k = 1) => index switch
    {
        IvfIndex ivf => new SearchWidth("nprobe", 1, ivf.Lists.Count, () => ivf.Probes, width => ivf.Probes = width),
        HnswIndex hnsw => new SearchWidth("ef_search", k, Math.Min(hnsw.Count, MostCandidates), () => hnsw.Breadth, width => hnsw.Breadth = width),
        _ => null,
    };

    /// <summary>Sets the smallest width that reaches the recall, or else the largest.</summary>
    public void Tune(Func<double> recall, double target)
    {
        int high = Math.Min(Least, Most), low = high - 1;
        for (Set(high); high < Most && recall() < target; Set(high))
        {
            (low, high) = (high, Math.Min(Most, 2 * high));
        }

        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            Set(middle);
            (low, high) = recall() < target ? (middle, high) : (low, middle);
        }

        Set(high);
    }

    public override string ToString() => $"{Name} {Get()}";
}

internal static class RowSample
{
    public static int[] Draw(int rows, int count, int seed)
    {
        if (count >= rows)
        {
            return [.. Enumerable.Range(0, rows)];
        }

        // Each remaining row is taken with probability (still wanted) / (still there): every sample is equally likely.
        var random = new Random(seed);
        var sample = new int[count];
        int taken = 0;
        for (int row = 0; taken < count; row++)
        {
            if (random.NextInt64(rows - row) < count - taken)
            {
                sample[taken++] = row;
            }
        }

        return sample;
    }

    /// <summary>The first rows of a random order.</summary>
    public static int[] Shuffle(int rows, int count, Random random)
    {
        int[] order = [.. Enumerable.Range(0, rows)];
        random.Shuffle(order);
        return order[..count];
    }

    /// <param name="vectors">[rows, dimension]</param>
    /// <returns>[sample, dimension]</returns>
    public static float[] Gather(ReadOnlyMemory<float> vectors, int[] sample, int dimension)
    {
        var gathered = new float[(long)sample.Length * dimension];
        for (int i = 0; i < sample.Length; i++)
        {
            vectors.Span.Slice(sample[i] * dimension, dimension).CopyTo(gathered.AsSpan(i * dimension));
        }

        return gathered;
    }
}

/// <summary>Rejects vectors with values that are not finite: they are near no other row, and would spoil the centroids.</summary>
internal static class FiniteRows
{
    /// <param name="vectors">[rows, dimension]</param>
    public static void Require(ReadOnlySpan<float> vectors, int dimension, string path)
    {
        for (int start = 0; start < vectors.Length; start += dimension)
        {
            UserErrorException.ThrowIf(!TensorPrimitives.IsFiniteAll(vectors.Slice(start, dimension)),
                $"Row {start / dimension} of {path} contains a value that is not finite.");
        }
    }
}
