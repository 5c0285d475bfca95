using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// Steps(silu(gate) * value): product's sums [B, L, 2F] with the gates first, scale of its input's steps, scales of its weights [2F]
/// -> steps [B, L, F], scale, zero.
/// </summary>
internal sealed unsafe class SwiGluKernel() : FusedKernel(
    "SwiGlu", [ElementType.Int32, ElementType.Float, ElementType.Float], [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    private const int Lanes = 16;

    public override void Compute(KernelCall call, int heads)
    {
        (int batch, int length, int both) = call.Sequences(0);
        int hidden = KernelCall.Multiple(both, 2 * ByteSteps.Side) / 2; // F
        int* sums = call.Input<int>(0, (long)batch * length * both);
        StepTensor steps = call.Steps(0, batch, length, hidden);
        float* scales = Scratch.Take(((long)batch * length * hidden) + both), gated = scales + both;
        ByteSteps.Multiply(*call.Input<float>(1, 1), call.Input<float>(2, both), both, scales);
        Vector512<float> least = default, largest = default;
        for (int row = 0; row < batch * length; row++)
        {
            Row(sums + ((long)row * both), scales, gated + ((long)row * hidden), hidden, ref least, ref largest);
        }

        ByteSteps.Write(gated, batch * length * hidden, least, largest, steps);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row(int* sums, float* scales, float* gated, int hidden, ref Vector512<float> least, ref Vector512<float> largest)
    {
        Vector512<float> low = least, high = largest;
        for (int i = 0; i < hidden; i += Lanes)
        {
            Vector512<float> gate = ByteSteps.Read(sums + i, scales + i);
            Vector512<float> value = ByteSteps.Read(sums + hidden + i, scales + hidden + i);
            Vector512<float> product = gate * FastExp.Sigmoid(gate) * value;
            product.Store(gated + i);
            (low, high) = (Vector512.Min(low, product), Vector512.Max(high, product));
        }

        (least, largest) = (low, high);
    }
}
