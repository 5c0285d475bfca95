using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

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
