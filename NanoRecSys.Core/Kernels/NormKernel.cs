using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

/// <summary>Steps(RMSNorm(x)): x [B, L, D], norm's weight [D] -> steps [B, L, D], scale, zero.</summary>
internal sealed unsafe class NormKernel() : FusedKernel(
    "Norm", [ElementType.Float, ElementType.Float], [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    private const float Epsilon = 1e-6f;
    private const int Lanes = 16;

    public override void Compute(KernelCall call, int heads)
    {
        (int batch, int length, int width) = call.Sequences(0);
        KernelCall.Multiple(width, ByteSteps.Side);
        float* x = call.Input<float>(0, (long)batch * length * width), weight = call.Input<float>(1, width);
        StepTensor steps = call.Steps(0, batch, length, width);
        float* normed = Scratch.Take((long)batch * length * width);
        Vector512<float> least = default, largest = default;
        for (int row = 0; row < batch * length; row++)
        {
            Row(x + ((long)row * width), weight, normed + ((long)row * width), width, ref least, ref largest);
        }

        ByteSteps.Write(normed, batch * length * width, least, largest, steps);
    }

    /// <summary>normed = x / sqrt(mean(x^2) + eps) * weight, all [width].</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Row(float* x, float* weight, float* normed, int width, ref Vector512<float> least, ref Vector512<float> largest)
    {
        Vector512<float> sum = default;
        for (int i = 0; i < width; i += Lanes)
        {
            Vector512<float> value = Vector512.Load(x + i);
            sum = Vector512.FusedMultiplyAdd(value, value, sum);
        }

        Vector512<float> factor = Vector512.Create(1 / MathF.Sqrt((Vector512.Sum(sum) / width) + Epsilon));
        Vector512<float> low = least, high = largest;
        for (int i = 0; i < width; i += Lanes)
        {
            Vector512<float> value = Vector512.Load(x + i) * factor * Vector512.Load(weight + i);
            value.Store(normed + i);
            (low, high) = (Vector512.Min(low, value), Vector512.Max(high, value));
        }

        (least, largest) = (low, high);
    }
}
