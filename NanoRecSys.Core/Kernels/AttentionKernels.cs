using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// Steps of causal softmax attention with rotary positions: sums of the product that makes queries, keys and values [B, L, 3D],
/// scale of its input's steps, scales of its weights [3D], bias [3D], cos and sin [max L, d / 2]; attribute heads
/// -> steps [B, L, D], scale, zero. The queries come scaled. What lies in the future is skipped.
/// </summary>
internal sealed unsafe class CausalAttentionKernel() : FusedKernel(
    "CausalAttention",
    [ElementType.Int32, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float],
    [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    private const int Lanes = 16;

    public override void Compute(KernelCall call, int heads)
    {
        (int batch, int length, int all) = call.Sequences(0);
        (int width, int d) = AttentionHead.Widths(all / 3, heads);
        int n = AttentionTiles.RoundUp(length);
        int* sums = call.Input<int>(0, (long)batch * length * 3 * width);
        float* bias = call.Input<float>(3, 3 * width);
        float* cos = AttentionHead.Turns(call, 4, length, d), sin = AttentionHead.Turns(call, 5, length, d);
        StepTensor steps = call.Steps(0, batch, length, width);

        float* scales = Scratch.Take(all + (5L * n * d) + (AttentionTiles.Rows * ((long)n + d)) + ((long)batch * length * width));
        Head head = new(scales + all, n, d);
        float* attended = head.End; // [B, L, D]
        ByteSteps.Multiply(*call.Input<float>(1, 1), call.Input<float>(2, all), all, scales);
        Vector512<float> least = default, largest = default;
        for (int b = 0; b < batch; b++)
        {
            for (int h = 0; h < heads; h++)
            {
                Read(head, sums + ((long)b * length * all) + (h * d), scales + (h * d), bias + (h * d), cos, sin, length, width);
                Attend(head, attended + ((long)b * length * width) + (h * d), length, width, ref least, ref largest);
            }
        }

        ByteSteps.Write(attended, batch * length * width, least, largest, steps);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Read(Head head, int* sums, float* scales, float* bias, float* cos, float* sin, int length, int width)
    {
        int d = head.Width, half = d / 2;
        for (int i = 0; i < length; i++)
        {
            int* row = sums + ((long)i * 3 * width);
            float* c = cos + (i * half), s = sin + (i * half);
            AttentionHead.ReadTurned(row, scales, bias, c, s, head.Queries + (i * d), half);
            AttentionHead.ReadTurned(row + width, scales + width, bias + width, c, s, head.Keys + (i * d), half);
            AttentionHead.Read(row + (2 * width), scales + (2 * width), bias + (2 * width), head.Values + (i * d), d);
        }

        int rest = (head.Rows - length) * d; // rounding up adds rows, whose weights are zero: they must be numbers
        new Span<float>(head.Queries + (length * d), rest).Clear();
        new Span<float>(head.Keys + (length * d), rest).Clear();
        new Span<float>(head.Values + (length * d), rest).Clear();
        AttentionLayout.Transpose(head.Keys, head.KeysTransposed, head.Rows, d);
    }

    // Four rows at a time, whose scores stay in the first-level cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Attend(Head head, float* attended, int length, int width, ref Vector512<float> least, ref Vector512<float> largest)
    {
        int n = head.Rows, d = head.Width;
        Vector512<float> low = least, high = largest;
        float* factors = stackalloc float[AttentionTiles.Rows];
        for (int i = 0; i < length; i += AttentionTiles.Rows)
        {
            int rows = Math.Min(AttentionTiles.Rows, length - i);
            AttentionTiles.ProductsOfRows(head.Queries + (i * d), head.KeysTransposed, head.Scores, i, n, d);
            for (int r = 0; r < AttentionTiles.Rows; r++)
            {
                factors[r] = AttentionHead.Softmax(head.Scores + (r * n), i + r + 1);
            }

            AttentionTiles.SumsOfRows(head.Scores, head.Values, head.Sums, i, n, d);
            for (int r = 0; r < rows; r++)
            {
                for (int k = 0; k < d; k += Lanes)
                {
                    Vector512<float> value = Vector512.Load(head.Sums + (r * d) + k) * factors[r];
                    value.Store(attended + ((long)(i + r) * width) + k);
                    (low, high) = (Vector512.Min(low, value), Vector512.Max(high, value));
                }
            }
        }

        (least, largest) = (low, high);
    }

    /// <summary>Room for one head, n positions and d wide.</summary>
    private readonly struct Head(float* room, int n, int d)
    {
        public int Rows => n;

        public int Width => d;

        public float* Queries => room; // [n, d]

        public float* Keys => room + ((long)n * d); // [n, d]

        public float* KeysTransposed => room + (2L * n * d); // [d, n]

        public float* Values => room + (3L * n * d); // [n, d]

        public float* Scores => room + (4L * n * d); // [4, n]

        public float* Sums => Scores + (AttentionTiles.Rows * n); // [4, d]

        public float* End => Sums + (AttentionTiles.Rows * d);
    }
}

/// <summary>
/// As <see cref="CausalAttentionKernel"/> for the last position alone: sums that make keys and values [B, L, 2D], sums that make the
/// query [B, 1, D], scale of their input's steps, scales of the weights [3D] and bias [3D] of queries, keys and values, cos and sin
/// [max L, d / 2]; attribute heads -> steps [B, 1, D], scale, zero.
/// </summary>
internal sealed unsafe class LastAttentionKernel() : FusedKernel(
    "LastAttention",
    [ElementType.Int32, ElementType.Int32, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float],
    [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    private const int Lanes = 16;

    public override void Compute(KernelCall call, int heads)
    {
        (int batch, int length, int both) = call.Sequences(0);
        (int width, int d) = AttentionHead.Widths(both / 2, heads);
        int* sums = call.Input<int>(0, (long)batch * length * 2 * width), queries = call.Input<int>(1, (long)batch * width);
        float* bias = call.Input<float>(4, 3 * width);
        float* cos = AttentionHead.Turns(call, 5, length, d), sin = AttentionHead.Turns(call, 6, length, d);
        StepTensor steps = call.Steps(0, batch, 1, width);

        float* scales = Scratch.Take((3L * width) + (2L * d) + length + Lanes + ((long)batch * width));
        float* query = scales + (3 * width), row = query + d, scores = row + d, attended = scores + length + Lanes;
        ByteSteps.Multiply(*call.Input<float>(2, 1), call.Input<float>(3, 3 * width), 3 * width, scales);
        Vector512<float> least = default, largest = default;
        int last = (length - 1) * (d / 2);
        for (int b = 0; b < batch; b++)
        {
            for (int h = 0; h < heads; h++)
            {
                int at = h * d;
                AttentionHead.ReadTurned(queries + ((long)b * width) + at, scales + at, bias + at, cos + last, sin + last, query, d / 2);
                int* keys = sums + ((long)b * length * both) + at;
                Score(keys, both, scales + width + at, bias + width + at, cos, sin, query, row, scores, length, d);
                float factor = AttentionHead.Softmax(scores, length);
                Sum(keys + width, both, scales + (2 * width) + at, bias + (2 * width) + at, scores, factor, attended + ((long)b * width) + at, length, d);
            }
        }

        for (int i = 0; i < batch * width; i += Lanes)
        {
            Vector512<float> value = Vector512.Load(attended + i);
            (least, largest) = (Vector512.Min(least, value), Vector512.Max(largest, value));
        }

        ByteSteps.Write(attended, batch * width, least, largest, steps);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Score(int* keys, int stride, float* scales, float* bias, float* cos, float* sin, float* query, float* row, float* scores, int length, int d)
    {
        int half = d / 2;
        for (int i = 0; i < length; i++)
        {
            AttentionHead.ReadTurned(keys + ((long)i * stride), scales, bias, cos + (i * half), sin + (i * half), row, half);
            Vector512<float> sum = default;
            for (int k = 0; k < d; k += Lanes)
            {
                sum = Vector512.FusedMultiplyAdd(Vector512.Load(query + k), Vector512.Load(row + k), sum);
            }

            scores[i] = Vector512.Sum(sum);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Sum(int* values, int stride, float* scales, float* bias, float* weights, float factor, float* to, int length, int d)
    {
        for (int k = 0; k < d; k += Lanes)
        {
            Vector512<float> sum = default;
            for (int i = 0; i < length; i++)
            {
                sum = Vector512.FusedMultiplyAdd(ByteSteps.Read(values + ((long)i * stride) + k, scales + k, bias + k), Vector512.Create(weights[i]), sum);
            }

            (sum * factor).Store(to + k);
        }
    }
}

/// <summary>Parts of attention for one head: reading and turning its rows, and the softmax of a row of scores.</summary>
internal static unsafe class AttentionHead
{
    private const int Lanes = 16;

    private static readonly Vector512<int> Ascending = Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>D and d, the width of a head.</summary>
    /// <exception cref="InvalidDataException">The kernels do not take these.</exception>
    public static (int All, int Head) Widths(int width, int heads)
    {
        KernelCall.Multiple(width, ByteSteps.Side);
        return heads > 0 ? (width, KernelCall.Multiple(width / heads, AttentionTiles.Side)) : throw new InvalidDataException("The node has no heads.");
    }

    /// <summary>cos or sin of every position: [max L, d / 2].</summary>
    /// <exception cref="InvalidDataException">The history is longer than it is.</exception>
    public static float* Turns(KernelCall call, int input, int length, int d)
    {
        long values = call.Values(input);
        if (values < (long)length * (d / 2))
        {
            throw new InvalidDataException($"A history of {length} items is longer than the positions that the graph knows: {values / (d / 2)}.");
        }

        return call.Input<float>(input, values);
    }

    /// <summary>
    /// A product's sums in a head's columns, as numbers, turned by the position (Su et al., 2021): the halves (a, b) become
    /// (a cos - b sin, b cos + a sin).
    /// </summary>
    /// <param name="sums">[d] of a position.</param>
    /// <param name="scales">[d]</param>
    /// <param name="bias">[d]</param>
    /// <param name="cos">[d / 2] of the position.</param>
    /// <param name="sin">[d / 2] of the position.</param>
    /// <param name="to">[d]</param>
    /// <param name="half">d / 2, a multiple of sixteen.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ReadTurned(int* sums, float* scales, float* bias, float* cos, float* sin, float* to, int half)
    {
        for (int k = 0; k < half; k += Lanes)
        {
            Vector512<float> a = ByteSteps.Read(sums + k, scales + k, bias + k);
            Vector512<float> b = ByteSteps.Read(sums + half + k, scales + half + k, bias + half + k);
            Vector512<float> c = Vector512.Load(cos + k), s = Vector512.Load(sin + k);
            ((a * c) - (b * s)).Store(to + k);
            ((b * c) + (a * s)).Store(to + half + k);
        }
    }

    /// <summary>As it is, without a turn.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Read(int* sums, float* scales, float* bias, float* to, int width)
    {
        for (int k = 0; k < width; k += Lanes)
        {
            ByteSteps.Read(sums + k, scales + k, bias + k).Store(to + k);
        }
    }

    /// <summary>row = e^(row - largest) in its first <paramref name="count"/>, zero in the rest of the last vector.</summary>
    /// <returns>What the row is to be multiplied by, to add up to one.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Softmax(float* row, int count)
    {
        Vector512<float> largest = Vector512.Create(float.NegativeInfinity);
        int whole = count - (count % Lanes);
        Vector512<float> isInside = Vector512.LessThan(Ascending, Vector512.Create(count - whole)).AsSingle();
        for (int j = 0; j < whole; j += Lanes)
        {
            largest = Vector512.Max(largest, Vector512.Load(row + j));
        }

        if (whole < count)
        {
            largest = Vector512.Max(largest, Vector512.ConditionalSelect(isInside, Vector512.Load(row + whole), largest));
        }

        Vector512<float> shift = Vector512.Create(Largest(largest)), sum = default;
        for (int j = 0; j < whole; j += Lanes)
        {
            Vector512<float> e = FastExp.Exp(Vector512.Load(row + j) - shift);
            e.Store(row + j);
            sum += e;
        }

        if (whole < count)
        {
            Vector512<float> e = FastExp.Exp(Vector512.Load(row + whole) - shift) & isInside;
            e.Store(row + whole);
            sum += e;
        }

        return 1 / Vector512.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector512<float> values)
    {
        Vector256<float> eight = Vector256.Max(values.GetLower(), values.GetUpper());
        Vector128<float> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
