using System.Collections.Concurrent;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Indexing;

namespace NanoRecSys.UnitTests.Training.Indexing;

/// <summary>Indexes of every kind over the same few rows.</summary>
internal static class SmallIndexes
{
    public const int Rows = 3000;
    public const int Dimension = 32;

    public static readonly IReadOnlyList<IndexShape> Shapes =
    [
        new(IndexKinds.Flat), new(IndexKinds.IvfFlat, Lists: 40), new(IndexKinds.IvfScalar, Lists: 40),
        new(IndexKinds.IvfProduct, Lists: 40, Parts: 16), new(IndexKinds.Hnsw, Edges: 12),
    ];

    private static readonly ConcurrentDictionary<(string, VectorMetric), IVectorIndex> Built = new();

    public static float[] Vectors { get; } = RandomVectors.Clustered(Rows, Dimension, centres: 60, seed: 21);

    /// <summary>An index shared by all tests, which must not change it.</summary>
    public static IVectorIndex Shared(string kind, VectorMetric metric) => Built.GetOrAdd((kind, metric), _ => Build(Shape(kind), metric));

    /// <returns>An index whose search is wide enough to find most neighbours.</returns>
    public static IVectorIndex Build(IndexShape shape, VectorMetric metric, int threads = 2, int rows = Rows)
    {
        IVectorIndex index = IndexBuilder.Build(Vectors.AsMemory(0, rows * Dimension), Dimension, shape, metric, new BuildControl(Seed: 5, threads));
        switch (index)
        {
            case IvfIndex ivf:
                ivf.Probes = 8;
                break;
            case HnswIndex hnsw:
                hnsw.Breadth = 48;
                break;
        }

        return index;
    }

    /// <returns>The same index with the kernels of the given instruction set.</returns>
    public static IVectorIndex With(IVectorIndex index, SimdLevel level) => index switch
    {
        FlatIndex flat => new FlatIndex(flat.Rows, Dimension, flat.Metric, VectorKernels.For(level)),
        IvfFlatIndex lists => new IvfFlatIndex(lists.Centroids, lists.Lists, Vectors.AsMemory(0, lists.Count * Dimension), VectorKernels.For(level)) { Probes = lists.Probes },
        IvfScalarIndex lists => new IvfScalarIndex(lists.Centroids, lists.Lists, lists.Quantizer, lists.ByResidual, lists.ReadCodes, VectorKernels.For(level)) { Probes = lists.Probes },
        IvfProductIndex lists => new IvfProductIndex(lists.Centroids, lists.Lists, lists.Quantizer, lists.ByResidual, lists.ReadCode, VectorKernels.For(level)) { Probes = lists.Probes },
        HnswIndex graph => new HnswIndex(graph.Graph, Vectors.AsMemory(0, graph.Count * Dimension), Dimension, graph.Metric, VectorKernels.For(level)) { Breadth = graph.Breadth },
        _ => throw new ArgumentException(index.Kind, nameof(index)),
    };

    public static TheoryData<string, VectorMetric> Cases() => new(
        from shape in Shapes
        from metric in Enum.GetValues<VectorMetric>()
        select (shape.Kind, metric));

    public static IndexShape Shape(string kind) => Shapes.Single(shape => shape.Kind == kind);
}
