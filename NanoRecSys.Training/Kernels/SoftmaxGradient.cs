using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using static NanoRecSys.Core.Kernels.Vectors512;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Kernels;

/// <summary>Cross-entropy's gradient in place of the logits, softmax minus one-hot; torch needs nine passes over memory.</summary>
internal static unsafe class SoftmaxGradient
{
    /// <param name="logits">[C, V] fp32 or bfloat16; replaced by their gradient.</param>
    /// <param name="targets">[C] int64</param>
    /// <param name="likelihood">[C] receives the targets' probabilities.</param>
    public static void Replace(Tensor logits, Tensor targets, Tensor likelihood)
    {
        int width = (int)logits.shape[1]; // V
        ReadOnlySpan<long> rows = MemoryMarshal.Cast<byte, long>(targets.bytes);
        Span<float> own = MemoryMarshal.Cast<byte, float>(likelihood.bytes);
        fixed (byte* first = logits.bytes)
        fixed (float* powers = new float[width + Lanes])
        {
            for (int row = 0; row < rows.Length; row++)
            {
                byte* numbers = first + (row * width * logits.ElementSize);
                own[row] = logits.dtype == ScalarType.BFloat16
                    ? Row<Brain16>(numbers, powers, width, (int)rows[row])
                    : Row<Single32>(numbers, powers, width, (int)rows[row]);
            }
        }
    }

    // The last vector of a row overlaps the previous one, and rewrites the same values.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Row<T>(byte* logits, float* powers, int width, int target)
        where T : INumbers
    {
        int last = width - Lanes;
        Vector512<float> highest = T.Load(logits, last);
        for (int i = 0; i < last; i += Lanes)
        {
            highest = Vector512.Max(highest, T.Load(logits, i));
        }

        Vector512<float> most = Vector512.Create(Largest(highest)); // subtracted, because single precision overflows above e^88
        for (int i = 0; i < last; i += Lanes)
        {
            FastExp.Exp(T.Load(logits, i) - most).Store(powers + i);
        }

        FastExp.Exp(T.Load(logits, last) - most).Store(powers + last);
        Vector512<float>.Zero.Store(powers + width);
        Vector512<float> sums = default;
        for (int i = 0; i < width; i += Lanes)
        {
            sums += Vector512.Load(powers + i);
        }

        float sum = Vector512.Sum(sums), own = powers[target];
        powers[target] = own - sum;
        Vector512<float> share = Vector512.Create(1 / sum);
        for (int i = 0; i < last; i += Lanes)
        {
            T.Store(Vector512.Load(powers + i) * share, logits, i);
        }

        T.Store(Vector512.Load(powers + last) * share, logits, last);
        return own / sum;
    }
}
