using System.Numerics.Tensors;

namespace NanoRecSys.Training.Indexing;

internal static class IndexBuilder
{
    /// <param name="vectors">[rows, dimension]; kept by the kinds that compare exact rows.</param>
    public static IVectorIndex Build(ReadOnlyMemory<float> vectors, int dimension, IndexShape shape, VectorMetric metric, BuildControl control)
    {
        return shape.Kind switch
        {
            IndexKinds.Flat => new FlatIndex(vectors, dimension, metric),
            IndexKinds.Hnsw => HnswBuilder.Build(vectors, dimension, shape.Edges, metric, control),
            _ => IvfBuilder.Build(vectors, dimension, shape, metric, control),
        };
    }
}

/// <param name="Seed">The same seed makes the same index, on any number of threads.</param>
/// <param name="Progress">Told the share that is done, 0 to 1.</param>
internal sealed record BuildControl(int Seed, int Threads, Action<double>? Progress = null, CancellationToken Cancellation = default)
{
    public ParallelOptions Parallel => new() { MaxDegreeOfParallelism = Math.Max(1, Threads), CancellationToken = Cancellation };

    /// <summary>For a part of the work: its progress from 0 to 1 becomes that from <paramref name="from"/> to <paramref name="to"/>.</summary>
    public BuildControl Part(double from, double to) => this with { Progress = share => Progress?.Invoke(from + share * (to - from)) };
}

/// <param name="Lists">Number of lists (nlist), for the kinds with lists.</param>
/// <param name="Parts">Bytes of a code (m), for <see cref="IndexKinds.IvfProduct"/>.</param>
/// <param name="Edges">Edges of a row (M), for <see cref="IndexKinds.Hnsw"/>; twice as many on the lowest level.</param>
internal sealed record IndexShape(string Kind, int Lists = 0, int Parts = 0, int Edges = 0)
{
    /// <summary>As FAISS's factory writes it: <c>IVF4096,PQ32</c>.</summary>
    public string Factory => Kind switch
    {
        IndexKinds.IvfFlat => $"IVF{Lists},Flat",
        IndexKinds.IvfScalar => $"IVF{Lists},SQ8",
        IndexKinds.IvfProduct => $"IVF{Lists},PQ{Parts}",
        IndexKinds.Hnsw => $"HNSW{Edges},Flat",
        _ => "Flat",
    };

    public override string ToString() => Factory;
}

internal static class DefaultShapes
{
    /// <summary>Below it a flat index answers within about a millisecond, and nothing that finds less is worth its trouble.</summary>
    public const int FlatBelow = 100_000;

    private const int Edges = 32;
    private const int DimensionsPerPart = 8;
    private const int RowsPerList = 39; // fewer, and k-means learns noise (FAISS warns from there on)

    public static IndexShape For(string kind, int rows, int dimension, int? lists = null, int? parts = null, int? edges = null)
    {
        // About 4 sqrt(n) lists balance the comparison with centroids and with rows.
        int most = Math.Max(1, rows / RowsPerList);
        int count = lists ?? Math.Clamp((int)(4 * Math.Sqrt(rows)), 1, most);
        switch (kind)
        {
            case IndexKinds.Flat:
                return new IndexShape(kind);
            case IndexKinds.Hnsw:
                return edges is null or (>= 2 and <= HnswGraph.MostEdges)
                    ? new IndexShape(kind, Edges: edges ?? Edges)
                    : throw new UserErrorException($"A graph has 2 to {HnswGraph.MostEdges:N0} edges a row, not {edges:N0}.");
        }

        UserErrorException.ThrowIf(count < 1 || count > rows, $"{rows:N0} items cannot be kept in {count:N0} lists. Ask for 1 to {rows:N0}.");

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

/// <summary>How widely an index searches: lists probed (nprobe) or rows kept in sight (efSearch); 0 where it compares all.</summary>
internal static class SearchWidth
{
    /// <summary>FAISS's name for it, or null where there is none.</summary>
    public static string? NameOf(IVectorIndex index) => index switch
    {
        IvfIndex => "nprobe",
        HnswIndex => "ef_search",
        _ => null,
    };

    public static int Of(IVectorIndex index) => index switch
    {
        IvfIndex ivf => ivf.Probes,
        HnswIndex hnsw => hnsw.Breadth,
        _ => 0,
    };

    public static void Set(IVectorIndex index, int width)
    {
        switch (index)
        {
            case IvfIndex ivf:
                ivf.Probes = width;
                break;
            case HnswIndex hnsw:
                hnsw.Breadth = width;
                break;
        }
    }

    public static int Most(IVectorIndex index) => index switch
    {
        IvfIndex ivf => ivf.Lists.Count,
        HnswIndex hnsw => Math.Min(hnsw.Count, 4096), // a walk of that many compares most rows
        _ => 0,
    };

    /// <summary>Sets the index to the least width at which enough is found, or to the most there is.</summary>
    /// <param name="k">Neighbours that it is measured by: a graph keeps as many in sight at least, also when it is asked for fewer later.</param>
    public static void Tune(IVectorIndex index, Func<double> recall, double target, int k = 1)
    {
        int most = Most(index);
        int high = index is HnswIndex ? Math.Min(k, most) : 1, low = high - 1;
        for (Set(index, high); high < most && recall() < target; Set(index, high))
        {
            (low, high) = (high, Math.Min(most, 2 * high));
        }

        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            Set(index, middle);
            (low, high) = recall() < target ? (middle, high) : (low, middle);
        }

        Set(index, high);
    }
}

internal static class RowSample
{
    public static int[] Draw(int rows, int count, int seed)
    {
        if (count >= rows)
        {
            return [.. Enumerable.Range(0, rows)];
        }

        // Of the rows left each is taken with the chance (still wanted) / (still there): every sample is equally likely.
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

/// <summary>Vectors that can be compared: a row with a value that is no number is near to nothing, and would spoil what is learnt of the others.</summary>
internal static class FiniteRows
{
    /// <param name="vectors">[rows, dimension]</param>
    public static void Require(ReadOnlySpan<float> vectors, int dimension, string path)
    {
        for (int start = 0; start < vectors.Length; start += dimension)
        {
            UserErrorException.ThrowIf(!TensorPrimitives.IsFiniteAll(vectors.Slice(start, dimension)),
                $"Row {start / dimension} of {path} holds a value that is no finite number.");
        }
    }
}
