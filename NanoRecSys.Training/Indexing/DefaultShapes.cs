using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Retrieval.Hnsw;
using NanoRecSys.Core.Retrieval.Ivf;
using NanoRecSys.Training.Pipeline;

namespace NanoRecSys.Training.Indexing;

/// <summary>Sizes for a kind of index, by the number of rows.</summary>
public static class DefaultShapes
{
    /// <summary>Below it a flat index answers within about a millisecond, and nothing that finds less is worth its trouble.</summary>
    public const int FlatBelow = 100_000;

    private const int Edges = 32;
    private const int DimensionsPerPart = 8;
    private const int RowsPerList = 39; // fewer, and k-means learns noise (FAISS warns from there on)

    /// <param name="kind">See <see cref="IndexKinds"/>.</param>
    /// <param name="rows">Rows of the index.</param>
    /// <param name="dimension">D</param>
    /// <param name="lists">Overrules the number of lists.</param>
    /// <param name="parts">Overrules the bytes of a product code.</param>
    /// <param name="edges">Overrules the edges of a row.</param>
    /// <exception cref="UserErrorException">The rows do not allow it.</exception>
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

        if (count < 1 || count > rows)
        {
            throw new UserErrorException($"{rows:N0} items cannot be kept in {count:N0} lists. Ask for 1 to {rows:N0}.");
        }

        if (kind != IndexKinds.IvfProduct)
        {
            return new IndexShape(kind, count);
        }

        int bytes = parts ?? Math.Max(1, dimension / DimensionsPerPart);
        if (bytes < 1 || dimension % bytes != 0)
        {
            throw new UserErrorException($"{dimension} dimensions cannot be cut into {bytes} equal parts.");
        }

        return rows >= ProductQuantizer.Centroids
            ? new IndexShape(kind, count, bytes)
            : throw new UserErrorException($"Product codes need at least {ProductQuantizer.Centroids} items, there are {rows}. Use another kind of index.");
    }
}
