using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Indexing;

/// <summary>Builds an index of any kind.</summary>
public static class IndexBuilder
{
    /// <param name="vectors">[rows, dimension]; kept by the kinds that compare exact rows.</param>
    /// <param name="dimension">D</param>
    /// <param name="shape">What to build.</param>
    /// <param name="metric">How rows compare.</param>
    /// <param name="control">Seed, threads, progress.</param>
    public static IVectorIndex Build(ReadOnlyMemory<float> vectors, int dimension, IndexShape shape, VectorMetric metric, BuildControl control)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return shape.Kind switch
        {
            IndexKinds.Flat => new FlatIndex(vectors, dimension, metric),
            IndexKinds.Hnsw => HnswBuilder.Build(vectors, dimension, shape.Edges, metric, control),
            _ => IvfBuilder.Build(vectors, dimension, shape, metric, control),
        };
    }
}
