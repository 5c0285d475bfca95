using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// The first pass of a search: products of bytes give each row's score within a proven bound, and only rows that
/// may still be among the best K are kept, to be compared in fp32 later.
/// </summary>
/// <remarks>
/// With row x = s*a + e and query q = t*b + f (a, b integers), |q.x - s*t*(a.b)| = |t*b.e + f.x| &lt;= |t*b||e| + |f||x|
/// by Cauchy-Schwarz. The fp32 rounding errors are added.
/// </remarks>
internal sealed class RowScan
{
    private const float Underflow = 1f / (1L << 59) / (1L << 59); // 2^-118: a product of bytes, below 2^31, times the loss of a scale near 0
    private const float ConstantRounding = 1f / (1 << 20); // a generous bound for several roundings of 2^-24 each

    private readonly int[] _products = new int[BoundedCandidates.RowsAtOnce];
    private readonly float[] _scores = new float[BoundedCandidates.RowsAtOnce];
    private readonly float[] _bounds = new float[BoundedCandidates.RowsAtOnce];
    private int[] _pairs = [];
    private IVectorKernel _kernel = VectorKernels.Best;
    private int _correction; // to be subtracted from a product of bytes, because byte 128 represents 0
    private float _factor;
    private float _errorWeight;
    private float _normWeight;
    private float _slack;

    public BoundedCandidates Candidates { get; } = new();
    public float Constant { get; private set; } // of scores of whole rows: -|q|^2 for L2, otherwise 0

    /// <param name="query">[D]</param>
    /// <param name="metric">For L2 scores are 2 q.x - |x|^2 plus the caller's constant, usually <see cref="Constant"/>.</param>
    public void Begin(ByteRows rows, ReadOnlySpan<float> query, VectorMetric metric, int k, IVectorKernel kernel)
    {
        Array.Resize(ref _pairs, Math.Max(_pairs.Length, ShortQuery.PairsOf(query.Length)));
        Candidates.Begin(k);
        _kernel = kernel;
        ShortQuery quantized = ShortQuery.Quantize(query, _pairs.AsSpan(0, ShortQuery.PairsOf(query.Length)));
        _correction = ByteRows.Zero * quantized.Sum;

        // |fp32 sum of D terms - true sum| <= D * 2^-24 * |q||x| in any order, plus 32 for the computations here.
        double norm = Math.Sqrt(SumOfSquares(query));
        double rounding = (query.Length + 32) * Math.Pow(2, -24);
        double times = metric == VectorMetric.L2 ? 2 : 1;
        double normWeight = times * (quantized.Error * 1.00001 + norm * rounding);
        _factor = (float)times * quantized.Scale;
        _errorWeight = (float)(times * quantized.Norm * 1.00001);
        _normWeight = (float)(metric == VectorMetric.L2 ? normWeight + rounding * rows.LargestNorm : normWeight);
        _slack = Underflow + (metric == VectorMetric.L2 ? (float)(rounding * (norm * norm + rows.LargestOffset)) : 0);
        Constant = metric == VectorMetric.L2 ? -(float)(norm * norm) : 0;
    }

    /// <param name="rows">The same rows as for <see cref="Begin"/>.</param>
    /// <param name="first">First position; a multiple of 16, and of 64 without ids.</param>
    /// <param name="count">Number of positions in use from there.</param>
    /// <param name="ids">[Positions] the row at each position; empty if position and row are the same.</param>
    public void Scan(ByteRows rows, int first, int count, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        ReadOnlySpan<int> query = _pairs.AsSpan(0, ShortQuery.PairsOf(rows.Dimension));
        for (int position = first; position < first + count; position += BoundedCandidates.RowsAtOnce)
        {
            int used = Math.Min(BoundedCandidates.RowsAtOnce, first + count - position);
            ulong wanted = used < 64 ? (1UL << used) - 1 : ulong.MaxValue;
            if (ids.IsEmpty)
            {
                wanted &= filter.AdmittedBits(position / 64);
            }

            if (wanted != 0)
            {
                int blocks = (used + VectorKernels.BlockRows - 1) / VectorKernels.BlockRows;
                int lanes = blocks * VectorKernels.BlockRows;
                _kernel.Multiply(rows.Blocks(position / VectorKernels.BlockRows, blocks), query, _products.AsSpan(0, lanes));
                Score(rows, position, lanes, constant);
                Candidates.Offer(position, _scores.AsSpan(0, lanes), _bounds.AsSpan(0, lanes), wanted, filter, ids);
            }
        }
    }

    private void Score(ByteRows rows, int first, int lanes, float constant)
    {
        Vector256<int> correction = Vector256.Create(_correction);
        Vector256<float> slack = Vector256.Create(_slack + Math.Abs(constant) * ConstantRounding);
        ref float scales = ref MemoryMarshal.GetArrayDataReference(rows.Scales);
        ref float offsets = ref MemoryMarshal.GetArrayDataReference(rows.Offsets);
        ref float errors = ref MemoryMarshal.GetArrayDataReference(rows.Errors);
        ref float norms = ref MemoryMarshal.GetArrayDataReference(rows.Norms);
        for (int lane = 0; lane < lanes; lane += Vector256<float>.Count)
        {
            nuint at = (nuint)(first + lane);
            Vector256<float> products = Vector256.ConvertToSingle(Vector256.LoadUnsafe(ref _products[lane]) - correction);
            Vector256<float> scores = products * (Vector256.LoadUnsafe(ref scales, at) * _factor) + Vector256.LoadUnsafe(ref offsets, at);
            Vector256<float> bounds = Vector256.LoadUnsafe(ref errors, at) * _errorWeight + Vector256.LoadUnsafe(ref norms, at) * _normWeight;
            (scores + Vector256.Create(constant)).StoreUnsafe(ref _scores[lane]);
            (bounds + slack).StoreUnsafe(ref _bounds[lane]);
        }
    }

    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}

/// <summary>
/// Rows as bytes in blocks of sixteen (see <see cref="IVectorKernel.Multiply"/>), with error bounds for products with them.
/// Byte c represents (c - 128) * the row's scale.
/// </summary>
internal sealed class ByteRows
{
    public const int Zero = 128; // the byte that represents 0
    private const int Steps = 127;
    private const int Alignment = 64;
    private const float RoundUp = 1.00001f; // the norms below are rounded, and a bound must not be too small
    private readonly byte[] _bytes; // pinned; the blocks start at _start
    private readonly int _start;

    /// <param name="positions">Number of row positions, a multiple of 16. Unused ones are never returned.</param>
    public unsafe ByteRows(int positions, int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(positions % VectorKernels.BlockRows, 0, nameof(positions));
        Positions = positions;
        Dimension = dimension;
        BlockBytes = ShortQuery.PairsOf(dimension) * 2 * VectorKernels.BlockRows;

        // Aligned to a cache line; otherwise half of the loads would touch two.
        _bytes = GC.AllocateUninitializedArray<byte>(checked(positions / VectorKernels.BlockRows * BlockBytes + Alignment), pinned: true);
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
    public int BlockBytes { get; } // bytes of sixteen rows
    public float[] Scales { get; }
    public float[] Errors { get; } // |row - its bytes' values|
    public float[] Norms { get; } // |row|
    public float[] Offsets { get; } // added to a row's product; for L2 it is -|row|^2
    public float LargestNorm { get; private set; } // the largest of Norms if offsets are their squares, otherwise 0; NaN if a norm is NaN
    public float LargestOffset { get; private set; } // the largest magnitude of Offsets if they are not the squares of norms, otherwise 0
    public long Memory => _bytes.LongLength + 4L * Positions * sizeof(float); // in bytes

    /// <returns>False if they exceed the maximum size of an array.</returns>
    public static bool Fits(long rows, int dimension) => (rows + VectorKernels.BlockRows) * (dimension + 1) + Alignment <= Array.MaxLength;

    public static int PositionsFor(int rows) => (rows + VectorKernels.BlockRows - 1) / VectorKernels.BlockRows * VectorKernels.BlockRows;

    public ReadOnlySpan<byte> Blocks(int first, int count) => _bytes.AsSpan(_start + first * BlockBytes, count * BlockBytes);

    /// <param name="vectors">[rows, D]</param>
    /// <param name="metric">For L2 a row's offset becomes -|row|^2.</param>
    public static ByteRows Quantize(ReadOnlyMemory<float> vectors, int dimension, VectorMetric metric)
    {
        int rows = vectors.Length / dimension;
        var bytes = new ByteRows(PositionsFor(rows), dimension);
        bytes.Fill(rows, row => row, vectors, metric);
        return bytes;
    }

    /// <param name="count">Number of positions to fill, from 0.</param>
    /// <param name="rowAt">The row at a position, or -1 if there is none.</param>
    /// <param name="vectors">[rows, D]</param>
    /// <param name="metric">For L2 a row's offset becomes -|row|^2.</param>
    public void Fill(int count, Func<int, int> rowAt, ReadOnlyMemory<float> vectors, VectorMetric metric)
    {
        const int Chunk = 1024; // rows per task: small enough to share evenly, large enough for little overhead
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

    /// <summary>Computes totals after all positions were <see cref="Set"/>.</summary>
    public void Complete() => LargestOffset = Offsets.Length == 0 ? 0 : Math.Abs(TensorPrimitives.MaxMagnitude<float>(Offsets));

    /// <summary>Sets a row's bytes; the value of byte c is c - 128.</summary>
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

    /// <param name="row">[D]; receives the row's bytes.</param>
    public void Read(int position, Span<byte> row)
    {
        ReadOnlySpan<byte> block = Block(position);
        for (int d = 0; d < row.Length; d++)
        {
            row[d] = block[At(position, d)];
        }
    }

    private Span<byte> Block(int position) => _bytes.AsSpan(_start + position / VectorKernels.BlockRows * BlockBytes, BlockBytes);

    private static int At(int position, int d) => (d / 2 * VectorKernels.BlockRows + position % VectorKernels.BlockRows) * 2 + d % 2;

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
            // NaN, or too large or too small to be scaled: an infinite bound makes the row a candidate, to be compared exactly.
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
}

/// <summary>A query as 16-bit integers b with one scale s, and the distance of s * b from it.</summary>
/// <param name="Scale">s</param>
/// <param name="Sum">Sum of b's values.</param>
/// <param name="Norm">|s * b|</param>
/// <param name="Error">|query - s * b|</param>
internal readonly record struct ShortQuery(float Scale, int Sum, float Norm, float Error)
{
    // The largest sum of products of D bytes with 16-bit values must fit 32 bits.
    private const int LargestSum = int.MaxValue / byte.MaxValue;

    public static int PairsOf(int dimension) => (dimension + 1) / 2;

    /// <param name="query">[D]</param>
    /// <param name="pairs">[PairsOf(D)] receives b: two values in each, the first in the low half.</param>
    public static ShortQuery Quantize(ReadOnlySpan<float> query, Span<int> pairs)
    {
        float largest = 0;
        foreach (float value in query)
        {
            largest = Math.Max(largest, Math.Abs(value));
        }

        int steps = Math.Min(short.MaxValue, LargestSum / query.Length);
        float scale = largest > 0 ? largest / steps : 1;
        double norm = 0;
        double error = 0;
        int sum = 0;
        pairs.Clear();
        for (int i = 0; i < query.Length; i++)
        {
            // Clamped because a denormal scale may round to more steps than there are. Such errors are covered by the bound.
            int value = (int)Math.Clamp(MathF.Round(query[i] / scale), -steps, steps);
            pairs[i / 2] |= i % 2 == 0 ? value & 0xFFFF : value << 16;
            sum += value;
            double restored = (double)scale * value;
            norm += restored * restored;
            error += (query[i] - restored) * (query[i] - restored);
        }

        return new ShortQuery(scale, sum, (float)Math.Sqrt(norm), (float)Math.Sqrt(error));
    }
}
