using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static NanoRecSys.Core.Kernels.Vectors512;

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
    public override void Compute(KernelCall call, KernelNode node)
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

/// <summary>Steps(RMSNorm(x)): x [B, L, D], norm's weight [D] -> steps [B, L, D], scale, zero.</summary>
internal sealed unsafe class NormKernel() : FusedKernel(
    "Norm", [ElementType.Float, ElementType.Float], [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    private const float Epsilon = 1e-6f;
    public override void Compute(KernelCall call, KernelNode node)
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

/// <summary>
/// Steps(silu(gate) * value): product's sums [B, L, 2F] with the gates first, scale of its input's steps, scales of its weights [2F]
/// -> steps [B, L, F], scale, zero.
/// </summary>
internal sealed unsafe class SwiGluKernel() : FusedKernel(
    "SwiGlu", [ElementType.Int32, ElementType.Float, ElementType.Float], [ElementType.Byte, ElementType.Float, ElementType.Byte])
{
    public override void Compute(KernelCall call, KernelNode node)
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

/// <summary>
/// Converts between numbers and 8-bit steps, as ONNX defines <c>DynamicQuantizeLinear</c>: one scale and one zero point for all
/// values of a tensor, from their range; and converts sums of products of steps back to numbers.
/// </summary>
internal static unsafe class ByteSteps
{
    public const int Side = 64; // every length is a multiple of it

    /// <summary>x = (step - zero) * scale</summary>
    /// <param name="x">[count]</param>
    /// <param name="count">A multiple of <see cref="Side"/>.</param>
    /// <param name="least">Smallest value, at most 0.</param>
    /// <param name="largest">Largest value, at least 0.</param>
    /// <param name="tensor">[count] receives the steps.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Write(float* x, int count, Vector512<float> least, Vector512<float> largest, StepTensor tensor)
    {
        float from = 0, to = 0;
        for (int lane = 0; lane < Lanes; lane++)
        {
            (from, to) = (MathF.Min(from, least[lane]), MathF.Max(to, largest[lane]));
        }

        float step = from == to ? 1 : (to - from) / byte.MaxValue;
        float zeroStep = MathF.Round(Math.Clamp(-from / step, 0, byte.MaxValue));
        (*tensor.Scale, *tensor.Zero) = (step, (byte)zeroStep);
        byte* steps = tensor.Steps;
        Vector512<float> factor = Vector512.Create(1 / step), shift = Vector512.Create(zeroStep);
        for (int i = 0; i < count; i += Side, x += Side, steps += Side)
        {
            Vector512<ushort> low = Vector512.Narrow(Step(x, factor, shift), Step(x + Lanes, factor, shift));
            Vector512<ushort> high = Vector512.Narrow(Step(x + (2 * Lanes), factor, shift), Step(x + (3 * Lanes), factor, shift));
            Vector512.Narrow(low, high).Store(steps);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Step(float* x, Vector512<float> factor, Vector512<float> shift)
    {
        Vector512<float> step = Vector512.Round(Vector512.Load(x) * factor) + shift;
        step = Vector512.Min(Vector512.Max(step, Vector512<float>.Zero), Vector512.Create((float)byte.MaxValue));
        return Vector512.ConvertToInt32Native(step).AsUInt32();
    }

    /// <summary>Sixteen outputs of a product in steps: sum * scale + bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Read(int* sums, float* scales, float* bias) =>
        Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(Vector512.Load(sums)), Vector512.Load(scales), Vector512.Load(bias));

    /// <summary>The same without a bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Read(int* sums, float* scales) => Vector512.ConvertToSingle(Vector512.Load(sums)) * Vector512.Load(scales);

    /// <summary>A product's scale for each output: the scale of the input's steps times the scale of the weights.</summary>
    /// <param name="weights">[count]</param>
    /// <param name="count">A multiple of sixteen.</param>
    /// <param name="scales">[count] receives the scales.</param>
    public static void Multiply(float input, float* weights, int count, float* scales)
    {
        for (int i = 0; i < count; i += Lanes)
        {
            (Vector512.Load(weights + i) * input).Store(scales + i);
        }
    }
}

/// <summary>A tensor in 8-bit steps: x = (step - zero) * scale.</summary>
internal readonly unsafe struct StepTensor(byte* steps, float* scale, byte* zero)
{
    public byte* Steps => steps;

    public float* Scale => scale;

    public byte* Zero => zero;
}
