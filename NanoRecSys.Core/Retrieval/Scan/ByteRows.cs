using System.Numerics.Tensors;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>
/// Rows as bytes in blocks of sixteen (see <see cref="ByteKernel"/>), with what bounds the error of a product with them.
/// Byte c stands for (c - 128) * scale of its row.
/// </summary>
internal sealed class ByteRows
{
    private const int Zero = 128; // the byte that stands for 0
    private const int Steps = 127;
    private const int Alignment = 64;
    private const float RoundUp = 1.00001f; // the norms below are rounded; a bound must not be too small
    private readonly byte[] _bytes; // pinned; the blocks start at _start
    private readonly int _start;

    /// <param name="positions">Places for rows; a multiple of 16. Unused ones are never returned.</param>
    /// <param name="dimension">D</param>
    public unsafe ByteRows(int positions, int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(positions % ByteKernel.BlockRows, 0, nameof(positions));
        Positions = positions;
        Dimension = dimension;
        BlockBytes = ShortQuery.PairsOf(dimension) * 2 * ByteKernel.BlockRows;

        // Aligned to a cache line: half of the loads would touch two of them otherwise.
        _bytes = GC.AllocateUninitializedArray<byte>(checked(positions / ByteKernel.BlockRows * BlockBytes + Alignment), pinned: true);
        fixed (byte* first = _bytes)
        {
            _start = (int)(Alignment - (nuint)first % Alignment) % Alignment;
        }

        _bytes.AsSpan().Fill(Zero);
        Scales = new float[positions];
        Errors = new float[positions];
        Norms = new float[positions];
        Offsets = new float[positions];
    }

    public int Positions { get; }

    public int Dimension { get; }

    /// <summary>Bytes of sixteen rows.</summary>
    public int BlockBytes { get; }

    public float[] Scales { get; }

    /// <summary>|row - its bytes' values|</summary>
    public float[] Errors { get; }

    /// <summary>|row|</summary>
    public float[] Norms { get; }

    /// <summary>Added to a row's product; for L2 it is -|row|^2.</summary>
    public float[] Offsets { get; }

    /// <summary>The largest of <see cref="Norms"/> if offsets are their squares, else 0; not a number where a norm is none.</summary>
    public float LargestNorm { get; private set; }

    /// <summary>The largest magnitude of <see cref="Offsets"/> if they are not the squares of norms, else 0.</summary>
    public float LargestOffset { get; private set; }

    /// <summary>Bytes that this takes.</summary>
    public long Memory => _bytes.LongLength + 4L * Positions * sizeof(float);

    /// <returns>False where an array cannot hold so many.</returns>
    public static bool Fits(long rows, int dimension) => (rows + ByteKernel.BlockRows) * (dimension + 1) + Alignment <= Array.MaxLength;

    public static int PositionsFor(int rows) => (rows + ByteKernel.BlockRows - 1) / ByteKernel.BlockRows * ByteKernel.BlockRows;

    public ReadOnlySpan<byte> Blocks(int first, int count) => _bytes.AsSpan(_start + first * BlockBytes, count * BlockBytes);

    /// <param name="vectors">[rows, D]</param>
    /// <param name="dimension">D</param>
    /// <param name="metric">For L2 a row's offset becomes -|row|^2.</param>
    public static ByteRows Quantize(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric)
    {
        int rows = vectors.Length / dimension;
        var bytes = new ByteRows(PositionsFor(rows), dimension);
        bytes.Fill(rows, row => row, vectors, metric);
        return bytes;
    }

    /// <param name="count">Positions to fill, from 0 on.</param>
    /// <param name="rowAt">The row at a position, or -1 where there is none.</param>
    /// <param name="vectors">[rows, D]</param>
    /// <param name="metric">For L2 a row's offset becomes -|row|^2.</param>
    public void Fill(int count, Func<int, int> rowAt, ReadOnlyMemory<float> vectors, VectorMetric metric)
    {
        const int Chunk = 1024; // rows per task: small enough to share evenly, large enough not to notice
        Parallel.For(0, (count + Chunk - 1) / Chunk, chunk =>
        {
            for (int position = chunk * Chunk; position < Math.Min(count, (chunk + 1) * Chunk); position++)
            {
                if (rowAt(position) is >= 0 and int row)
                {
                    Quantize(position, vectors.Span.Slice(row * Dimension, Dimension), metric);
                }
            }
        });
        LargestNorm = Norms.Length == 0 ? 0 : TensorPrimitives.Max<float>(Norms);
    }

    /// <summary>Takes stock once all positions were <see cref="Set"/>.</summary>
    public void Complete() => LargestOffset = Offsets.Length == 0 ? 0 : Math.Abs(TensorPrimitives.MaxMagnitude<float>(Offsets));

    /// <summary>Sets a row's bytes as they are: each stands for itself - 128.</summary>
    public void Set(int position, ReadOnlySpan<byte> row, float offset)
    {
        Span<byte> block = Block(position);
        double norm = 0;
        for (int d = 0; d < row.Length; d++)
        {
            block[At(position, d)] = row[d];
            norm += (row[d] - Zero) * (row[d] - Zero);
        }

        (Scales[position], Norms[position], Offsets[position]) = (1, (float)Math.Sqrt(norm) * RoundUp, offset);
    }

    /// <param name="position">Which row.</param>
    /// <param name="row">[D]; receives its bytes.</param>
    public void Read(int position, Span<byte> row)
    {
        ReadOnlySpan<byte> block = Block(position);
        for (int d = 0; d < row.Length; d++)
        {
            row[d] = block[At(position, d)];
        }
    }

    private Span<byte> Block(int position) => _bytes.AsSpan(_start + position / ByteKernel.BlockRows * BlockBytes, BlockBytes);

    private static int At(int position, int d) => (d / 2 * ByteKernel.BlockRows + position % ByteKernel.BlockRows) * 2 + d % 2;

    private void Quantize(int position, ReadOnlySpan<float> row, VectorMetric metric)
    {
        float largest = Math.Abs(TensorPrimitives.MaxMagnitude(row));
        float scale = largest > 0 ? largest / Steps : 0;
        float norm = TensorPrimitives.Norm(row);
        Scales[position] = scale;
        Norms[position] = norm * RoundUp;
        Offsets[position] = metric == VectorMetric.L2 ? -norm * norm : 0;
        if (!float.IsFinite(metric == VectorMetric.L2 ? norm * norm : norm) || !float.IsFinite(1 / scale))
        {
            // Not a number, too large or too small to be scaled: an endless bound has it compared exactly.
            (Scales[position], Errors[position], Offsets[position]) = (0, largest == 0 ? 0 : float.PositiveInfinity, 0);
            return;
        }

        double error = 0;
        float steps = 1 / scale;
        Span<byte> block = Block(position);
        for (int d = 0; d < row.Length; d++)
        {
            int value = Math.Clamp((int)MathF.Round(row[d] * steps), -Steps, Steps);
            block[At(position, d)] = (byte)(value + Zero);
            double rest = row[d] - (double)scale * value;
            error += rest * rest;
        }

        Errors[position] = (float)Math.Sqrt(error) * RoundUp;
    }

    /// <summary>What must be subtracted from a product of bytes, because byte 128 stands for 0.</summary>
    public static int Correction(in ShortQuery query) => Zero * query.Sum;
}
