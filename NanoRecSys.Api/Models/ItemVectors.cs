using System.Numerics.Tensors;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Models;

/// <summary>The item tower's output: one row per item, of length 1, so that a dot product is a cosine.</summary>
public sealed class ItemVectors
{
    private readonly float[] _values; // [V, D]

    private ItemVectors(float[] values, int dimension)
    {
        _values = values;
        Dimension = dimension;
    }

    public int Dimension { get; }

    public int Count => _values.Length / Dimension;

    public static ItemVectors Load(ArtifactVersion version)
    {
        ArgumentNullException.ThrowIfNull(version);
        (float[] values, int dimension) = NpyFile.Read(version.PathOf(ArtifactNames.ItemEmbeddings));
        for (int start = 0; start < values.Length; start += dimension)
        {
            Span<float> row = values.AsSpan(start, dimension);
            float norm = TensorPrimitives.Norm<float>(row);
            if (norm > 0)
            {
                TensorPrimitives.Divide(row, norm, row);
            }
        }

        return new ItemVectors(values, dimension);
    }

    /// <summary>[V, D], row-major.</summary>
    public ReadOnlySpan<float> Values => _values;

    /// <summary>[D]</summary>
    public ReadOnlySpan<float> Row(int row) => _values.AsSpan(row * Dimension, Dimension);

    public float Cosine(int a, int b) => TensorPrimitives.Dot(Row(a), Row(b));
}
