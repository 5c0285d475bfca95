using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using NanoRecSys.Training.Models.Attention;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Fused;

/// <summary>
/// What stands between the products of the network, each in one pass over memory, forward and back. Torch takes one
/// pass for each multiplication and addition, and keeps what each leaves: at width 128 that was half of a step's time.
/// </summary>
internal static class FusedSteps
{
    public const int Lanes = 16;

    /// <summary>Whether a network takes these steps; if not, torch's operators do the same.</summary>
    /// <param name="x">[P, D]</param>
    public static bool Take(Tensor x) => PackedAttention.HasKernel(x.device) && x.shape[^1] % Lanes == 0;

    /// <summary>RMSNorm(x) * weight.</summary>
    /// <param name="x">[P, D] fp32.</param>
    /// <param name="weight">[D]</param>
    /// <param name="type">Of the result: fp32, or bfloat16 where a product in it follows.</param>
    public static Tensor Norm(Tensor x, Tensor weight, ScalarType type) => NormFunction.apply(x.contiguous(), weight, type);

    /// <summary>Drop(silu(gate) * value).</summary>
    /// <param name="gateAndValue">[P, 2F] the gates first.</param>
    /// <param name="mask">What is dropped.</param>
    /// <returns>[P, F] in the argument's type.</returns>
    public static Tensor SwiGlu(Tensor gateAndValue, DropoutMask mask) => SwiGluFunction.apply(gateAndValue.contiguous(), mask);

    /// <summary>x + Drop(sigmoid(gate) * update).</summary>
    /// <param name="x">[P, D] fp32.</param>
    /// <param name="update">[P, D] fp32 or bfloat16.</param>
    /// <param name="gate">[P, D] fp32; null: the update counts whole.</param>
    /// <param name="mask">What is dropped.</param>
    /// <returns>[P, D] fp32.</returns>
    public static Tensor Add(Tensor x, Tensor update, Tensor? gate, DropoutMask mask) => gate is null
        ? ResidualFunction.apply(mask, x.contiguous(), update.contiguous())
        : ResidualFunction.apply(mask, x.contiguous(), update.contiguous(), gate.contiguous());

    /// <summary>A product in bfloat16 as fp32, and a bias on it.</summary>
    /// <param name="product">[P, D]</param>
    /// <param name="bias">[D]</param>
    public static Tensor Widen(Tensor product, Tensor bias) => WidenFunction.apply(product.contiguous(), bias);
}

/// <summary>Cross-entropy's gradient in the logits' place, softmax minus one-hot: torch takes nine passes over them for it.</summary>
internal static unsafe class SoftmaxGradient
{
    /// <summary>Whether it can be done here; if not, torch's operators do the same.</summary>
    /// <param name="logits">[C, V]</param>
    public static bool Fits(Tensor logits) => PackedAttention.HasKernel(logits.device) && logits.shape[1] >= FusedSteps.Lanes;

    /// <param name="logits">[C, V] fp32 or bfloat16; replaced by their gradient.</param>
    /// <param name="targets">[C] int64</param>
    /// <param name="likelihood">[C] receives the targets' probabilities.</param>
    public static void Replace(Tensor logits, Tensor targets, Tensor likelihood)
    {
        int width = (int)logits.shape[1]; // V
        ReadOnlySpan<long> rows = MemoryMarshal.Cast<byte, long>(targets.bytes);
        Span<float> own = MemoryMarshal.Cast<byte, float>(likelihood.bytes);
        fixed (byte* first = logits.bytes)
        fixed (float* powers = new float[width + FusedSteps.Lanes])
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

    // The last vector of a row overlaps the one before it, which reads and writes the same twice.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Row<T>(byte* logits, float* powers, int width, int target)
        where T : INumbers
    {
        int last = width - FusedSteps.Lanes;
        Vector512<float> highest = T.Load(logits, last);
        for (int i = 0; i < last; i += FusedSteps.Lanes)
        {
            highest = Vector512.Max(highest, T.Load(logits, i));
        }

        Vector512<float> most = Vector512.Create(Highest(highest)); // taken off: e^88 is where single precision ends
        for (int i = 0; i < last; i += FusedSteps.Lanes)
        {
            FastExp.Exp(T.Load(logits, i) - most).Store(powers + i);
        }

        FastExp.Exp(T.Load(logits, last) - most).Store(powers + last);
        Vector512<float>.Zero.Store(powers + width);
        Vector512<float> sums = default;
        for (int i = 0; i < width; i += FusedSteps.Lanes)
        {
            sums += Vector512.Load(powers + i);
        }

        float sum = Vector512.Sum(sums), own = powers[target];
        powers[target] = own - sum;
        Vector512<float> share = Vector512.Create(1 / sum);
        for (int i = 0; i < last; i += FusedSteps.Lanes)
        {
            T.Store(Vector512.Load(powers + i) * share, logits, i);
        }

        T.Store(Vector512.Load(powers + last) * share, logits, last);
        return own / sum;
    }

    private static float Highest(Vector512<float> values)
    {
        float highest = values[0];
        for (int lane = 1; lane < FusedSteps.Lanes; lane++)
        {
            highest = MathF.Max(highest, values[lane]);
        }

        return highest;
    }
}

/// <summary>y = x + b, from bfloat16 to fp32: [P, D], [D] -> [P, D].</summary>
internal sealed unsafe class WidenFunction : autograd.SingleTensorFunction<WidenFunction>
{
    public override string Name => nameof(WidenFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var product = (Tensor)vars[0];
        var bias = (Tensor)vars[1];
        Tensor sum = empty(product.shape);
        fixed (byte* from = product.bytes, by = bias.bytes, to = sum.bytes)
        {
            Forward(from, (float*)by, (float*)to, product.shape[0], (int)product.shape[1]);
        }

        return sum;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        Tensor gradient = grad_output.contiguous();
        Tensor ofProduct = empty(gradient.shape, dtype: bfloat16), ofBias = zeros(gradient.shape[1]);
        fixed (byte* from = gradient.bytes, toProduct = ofProduct.bytes, toBias = ofBias.bytes)
        {
            Backward((float*)from, toProduct, (float*)toBias, gradient.shape[0], (int)gradient.shape[1]);
        }

        return [ofProduct.MoveToOuterDisposeScope(), ofBias.MoveToOuterDisposeScope()];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward(void* product, float* bias, float* sum, long rows, int width)
    {
        for (long start = 0; start < rows * width; start += width)
        {
            for (int i = 0; i < width; i += FusedSteps.Lanes)
            {
                (Brain16.Load(product, start + i) + Vector512.Load(bias + i)).Store(sum + start + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Backward(float* gradient, void* ofProduct, float* ofBias, long rows, int width)
    {
        for (long start = 0; start < rows * width; start += width)
        {
            for (int i = 0; i < width; i += FusedSteps.Lanes)
            {
                Vector512<float> above = Vector512.Load(gradient + start + i);
                Brain16.Store(above, ofProduct, start + i);
                (Vector512.Load(ofBias + i) + above).Store(ofBias + i);
            }
        }
    }
}

/// <summary>Sixteen numbers of a tensor at a time in single precision, whatever it keeps them in.</summary>
internal unsafe interface INumbers
{
    static abstract Vector512<float> Load(void* numbers, long index);

    static abstract void Store(Vector512<float> values, void* numbers, long index);
}

/// <summary>Numbers of 32 bits.</summary>
internal readonly unsafe struct Single32 : INumbers
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* numbers, long index) => Vector512.Load((float*)numbers + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, void* numbers, long index) => values.Store((float*)numbers + index);
}

/// <summary>bfloat16: the upper half of a number of 32 bits, rounded to the nearest, ties to even.</summary>
internal readonly unsafe struct Brain16 : INumbers
{
    private const int HalfBits = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* numbers, long index)
    {
        (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load((ushort*)numbers + index));
        return (Vector512.Create(low, high) << HalfBits).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, void* numbers, long index)
    {
        Vector512<uint> bits = values.AsUInt32();
        bits = (bits + Vector512.Create(0x7FFFu) + ((bits >> HalfBits) & Vector512<uint>.One)) >> HalfBits;
        Vector256.Narrow(bits.GetLower(), bits.GetUpper()).Store((ushort*)numbers + index);
    }
}
