using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using NanoRecSys.Core.Retrieval.Scan;

namespace NanoRecSys.Core.Retrieval.Hnsw;

/// <summary>The rows of a graph and how they compare: larger scores are nearer, distances are negated.</summary>
public sealed class HnswSpace
{
    private const int CacheLineFloats = 16;
    private readonly ReadOnlyMemory<float> _vectors;
    private readonly SimdLevel _level;

    /// <param name="vectors">[rows, dimension]; kept, not copied.</param>
    /// <param name="dimension">D</param>
    /// <param name="metric">How rows compare.</param>
    /// <param name="level">Instructions to use; the best that there are if null.</param>
    public HnswSpace(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric, SimdLevel? level = null)
    {
        _vectors = vectors;
        _level = level ?? SimdLevels.Best;
        Dimension = dimension;
        Metric = metric;
        Count = vectors.Length / dimension;
    }

    public int Count { get; }

    public int Dimension { get; }

    public VectorMetric Metric { get; }

    /// <summary>[rows, D]</summary>
    public ReadOnlySpan<float> Vectors => _vectors.Span;

    /// <summary>[D]</summary>
    public ReadOnlySpan<float> Row(int row) => _vectors.Span.Slice(row * Dimension, Dimension);

    public float Score(ReadOnlySpan<float> query, int row) => FloatKernel.Score(Metric, query, Row(row), _level);

    /// <summary>Has the row brought to the cache, without waiting.</summary>
    internal unsafe void Prefetch(int row)
    {
        if (!Sse.IsSupported)
        {
            return;
        }

        // A hint only: where the garbage collector moved the row meanwhile, the hint is wasted.
        ref float first = ref MemoryMarshal.GetReference(Row(row));
        for (int at = 0; at < Dimension; at += CacheLineFloats)
        {
            Sse.Prefetch0(Unsafe.AsPointer(ref Unsafe.Add(ref first, at)));
        }
    }
}
