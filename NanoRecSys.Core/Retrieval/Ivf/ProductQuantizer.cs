using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval.Ivf;

/// <summary>
/// A vector as M bytes: each names the nearest of 256 centroids in its part of the vector (Jégou et al., 2011).
/// </summary>
public sealed class ProductQuantizer
{
    /// <summary>Centroids of a part: as many as a byte can name.</summary>
    public const int Centroids = 256;

    private readonly float[] _columns; // [M, width, 256]: one dimension of all centroids side by side
    private readonly float[] _squares; // [M, 256]

    /// <param name="dimension">D, a multiple of <paramref name="parts"/>.</param>
    /// <param name="parts">M</param>
    /// <param name="codebooks">[M, 256, D / M]; kept, not copied.</param>
    public ProductQuantizer(int dimension, int parts, float[] codebooks)
    {
        ArgumentNullException.ThrowIfNull(codebooks);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(parts);
        ArgumentOutOfRangeException.ThrowIfNotEqual(dimension % parts, 0, nameof(parts));
        ArgumentOutOfRangeException.ThrowIfNotEqual(codebooks.Length, dimension * Centroids, nameof(codebooks));
        Dimension = dimension;
        Parts = parts;
        Width = dimension / parts;
        Codebooks = codebooks;
        _columns = new float[codebooks.Length];
        _squares = new float[parts * Centroids];
        for (int i = 0; i < parts * Centroids; i++)
        {
            ReadOnlySpan<float> centroid = codebooks.AsSpan(i * Width, Width);
            _squares[i] = TensorPrimitives.Dot(centroid, centroid);
            for (int d = 0; d < Width; d++)
            {
                _columns[(i / Centroids * Width + d) * Centroids + i % Centroids] = centroid[d];
            }
        }
    }

    /// <summary>D</summary>
    public int Dimension { get; }

    /// <summary>M: parts of a vector, and bytes of a code.</summary>
    public int Parts { get; }

    /// <summary>D / M</summary>
    public int Width { get; }

    /// <summary>[M, 256, D / M]</summary>
    public float[] Codebooks { get; }

    public long Memory => sizeof(float) * (2L * Codebooks.Length + _squares.Length);

    /// <summary>Inner products of each part of a query with the part's centroids.</summary>
    /// <param name="query">[D]</param>
    /// <param name="table">[M, 256]</param>
    public void Products(ReadOnlySpan<float> query, Span<float> table)
    {
        table.Clear();
        for (int d = 0; d < Dimension; d++)
        {
            Span<float> part = table.Slice(d / Width * Centroids, Centroids);
            TensorPrimitives.MultiplyAdd(_columns.AsSpan(d * Centroids, Centroids), query[d], part, part);
        }
    }

    /// <param name="vector">[D]</param>
    /// <param name="code">[M]: the nearest centroid of each part.</param>
    public void Encode(ReadOnlySpan<float> vector, Span<byte> code)
    {
        Span<float> nearness = stackalloc float[Centroids];
        for (int part = 0; part < Parts; part++)
        {
            // |x - c|^2 is least where |c|^2 / 2 - x.c is.
            TensorPrimitives.Multiply(_squares.AsSpan(part * Centroids, Centroids), -0.5f, nearness);
            for (int d = 0; d < Width; d++)
            {
                int column = part * Width + d;
                TensorPrimitives.MultiplyAdd(_columns.AsSpan(column * Centroids, Centroids), vector[column], nearness, nearness);
            }

            code[part] = (byte)TensorPrimitives.IndexOfMax<float>(nearness);
        }
    }

    /// <param name="code">[M]</param>
    /// <param name="vector">[D]</param>
    public void Decode(ReadOnlySpan<byte> code, Span<float> vector)
    {
        for (int part = 0; part < Parts; part++)
        {
            Codebooks.AsSpan((part * Centroids + code[part]) * Width, Width).CopyTo(vector[(part * Width)..]);
        }
    }
}
