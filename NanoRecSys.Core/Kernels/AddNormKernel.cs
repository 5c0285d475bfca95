using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// y = x + product + bias, and Steps(RMSNorm(y)): product's sums [B, L, D], scale of its input's steps, scales of its weights [D],
/// bias [D], x [B, L, D], norm's weight [D] -> y [B, L, D], steps [B, L, D], scale, zero.
/// </summary>
internal sealed unsafe class AddNormKernel() : FusedKernel(
    "AddNorm",
    [ElementType.Int32, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float, ElementType.Float],
    [ElementType.Float, ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    private const int Lanes = 16;

    public override void Compute(KernelCall call, int heads)
    {
        (int batch, int length, int width) = call.Sequences(0);
        KernelCall.Multiple(width, ByteSteps.Side);
        long values = (long)batch * length * width;
        int* sums = call.Input<int>(0, values);
        float* bias = call.Input<float>(3, width), x = call.Input<float>(4, values), weight = call.Input<float>(5, width);
        float* y = call.Output<float>(0, batch, length, width);
        StepTensor steps = call.Steps(1, batch, length, width);
        float* scales = Scratch.Take(values + width), normed = scales + width;
        ByteSteps.Multiply(*call.Input<float>(1, 1), call.Input<float>(2, width), width, scales);
        Vector512<float> least = default, largest = default;
        for (int row = 0; row < batch * length; row++)
        {
            long at = (long)row * width;
            Add(sums + at, scales, bias, x + at, y + at, width);
            NormKernel.Row(y + at, weight, normed + at, width, ref least, ref largest);
        }

        ByteSteps.Write(normed, batch * length * width, least, largest, steps);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(int* sums, float* scales, float* bias, float* x, float* y, int width)
    {
        for (int i = 0; i < width; i += Lanes)
        {
            (Vector512.Load(x + i) + ByteSteps.Read(sums + i, scales + i, bias + i)).Store(y + i);
        }
    }
}
