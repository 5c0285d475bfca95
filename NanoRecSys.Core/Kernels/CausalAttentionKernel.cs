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
