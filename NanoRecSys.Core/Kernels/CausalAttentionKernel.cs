using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static NanoRecSys.Core.Kernels.Vectors512;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// Causal softmax attention with rotary positions, on quantized steps: sums of the product that computes queries, keys and values [B, L, 3D],
/// scale of its input's steps, scales of its weights [3D], bias [3D], cos and sin [max L, d / 2]; attributes heads and last
/// -> steps [B, L, D] ([B, 1, D] of the last position if last is 1), scale, zero. The queries are already scaled. The future is skipped.
/// </summary>
/// <remarks>Attention takes 1.1 of the 5.0 ms for 200 items at the reference size: <c>benchmarks encoder</c>, docs/benchmark.md.</remarks>
internal sealed unsafe class CausalAttentionKernel() : FusedKernel(
    "CausalAttention",
    [ElementType.Int32, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float],
    [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    public override void Compute(KernelCall call, KernelNode node)
    {
        (int batch, int length, int all) = call.Sequences(0);
        int width = KernelCall.Multiple(all / 3, ByteSteps.Side); // D
        int d = node.Heads > 0 ? KernelCall.Multiple(width / node.Heads, AttentionTiles.Side) : throw new InvalidDataException("The node has no heads.");
        int first = node.IsLast ? length - 1 : 0, rows = length - first;
        int n = AttentionTiles.RoundUp(length);
        int* sums = call.Input<int>(0, (long)batch * length * 3 * width);
        float* bias = call.Input<float>(3, 3 * width);
        float* cos = Turns(call, 4, length, d), sin = Turns(call, 5, length, d);
        StepTensor steps = call.Steps(0, batch, rows, width);

        float* scales = Scratch.Take(all + (5L * n * d) + (AttentionTiles.Rows * ((long)n + d)) + ((long)batch * rows * width));
        Head head = new(scales + all, n, d);
        float* attended = head.End; // [B, L or 1, D]
        ByteSteps.Multiply(*call.Input<float>(1, 1), call.Input<float>(2, all), all, scales);
        Vector512<float> least = default, largest = default;
        for (int b = 0; b < batch; b++)
        {
            for (int h = 0; h < node.Heads; h++)
            {
                Read(head, sums + ((long)b * length * all) + (h * d), scales + (h * d), bias + (h * d), cos, sin, length, width);
                Attend(head, attended + ((long)b * rows * width) + (h * d), first, length, width, ref least, ref largest);
            }
        }

        ByteSteps.Write(attended, batch * rows * width, least, largest, steps);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Read(Head head, int* sums, float* scales, float* bias, float* cos, float* sin, int length, int width)
    {
        int d = head.Width, half = d / 2;
        for (int i = 0; i < length; i++)
        {
            int* row = sums + ((long)i * 3 * width);
            float* c = cos + (i * half), s = sin + (i * half);
            ReadTurned(row, scales, bias, c, s, head.Queries + (i * d), half);
            ReadTurned(row + width, scales + width, bias + width, c, s, head.Keys + (i * d), half);
            ReadUnturned(row + (2 * width), scales + (2 * width), bias + (2 * width), head.Values + (i * d), d);
        }

        int rest = (head.Rows - length) * d; // rows added by rounding up have zero weights, but must not be NaN
        new Span<float>(head.Queries + (length * d), rest).Clear();
        new Span<float>(head.Keys + (length * d), rest).Clear();
        new Span<float>(head.Values + (length * d), rest).Clear();
        AttentionLayout.Transpose(head.Keys, head.KeysTransposed, head.Rows, d);
    }

    // Four rows at a time, whose scores stay in the L1 cache.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Attend(Head head, float* attended, int first, int length, int width, ref Vector512<float> least, ref Vector512<float> largest)
    {
        int n = head.Rows, d = head.Width;
        Vector512<float> low = least, high = largest;
        float* factors = stackalloc float[AttentionTiles.Rows];
        for (int i = first / AttentionTiles.Rows * AttentionTiles.Rows; i < length; i += AttentionTiles.Rows)
        {
            AttentionTiles.ProductsOfRows(head.Queries + (i * d), head.KeysTransposed, head.Scores, i, n, d);
            for (int r = 0; r < AttentionTiles.Rows; r++)
            {
                factors[r] = AttentionRow.Softmax(head.Scores + (r * n), i + r + 1);
            }

            AttentionTiles.SumsOfRows(head.Scores, head.Values, head.Sums, i, n, d);
            for (int r = Math.Max(0, first - i); r < Math.Min(AttentionTiles.Rows, length - i); r++)
            {
                for (int k = 0; k < d; k += Lanes)
                {
                    Vector512<float> value = Vector512.Load(head.Sums + (r * d) + k) * factors[r];
                    value.Store(attended + ((long)(i + r - first) * width) + k);
                    (low, high) = (Vector512.Min(low, value), Vector512.Max(high, value));
                }
            }
        }

        (least, largest) = (low, high);
    }

    /// <summary>cos or sin of every position: [max L, d / 2].</summary>
    /// <exception cref="InvalidDataException">The history is longer than the table.</exception>
    private static float* Turns(KernelCall call, int input, int length, int d)
    {
        long values = call.Values(input);
        if (values < (long)length * (d / 2))
        {
            throw new InvalidDataException($"A history of {length} items is longer than the graph's {values / (d / 2)} positions.");
        }

        return call.Input<float>(input, values);
    }

    /// <summary>
    /// Converts a product's sums in a head's columns to numbers and rotates them by the position (Su et al., 2021): the halves (a, b) become
    /// (a cos - b sin, b cos + a sin).
    /// </summary>
    /// <param name="sums">[d] for a position.</param>
    /// <param name="scales">[d]</param>
    /// <param name="bias">[d]</param>
    /// <param name="cos">[d / 2] for the position.</param>
    /// <param name="sin">[d / 2] for the position.</param>
    /// <param name="to">[d]</param>
    /// <param name="half">d / 2, a multiple of sixteen.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadTurned(int* sums, float* scales, float* bias, float* cos, float* sin, float* to, int half)
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

    /// <summary>The same without the rotation.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ReadUnturned(int* sums, float* scales, float* bias, float* to, int width)
    {
        for (int k = 0; k < width; k += Lanes)
        {
            ByteSteps.Read(sums + k, scales + k, bias + k).Store(to + k);
        }
    }

    /// <summary>Buffers of one head, for n positions of width d.</summary>
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
