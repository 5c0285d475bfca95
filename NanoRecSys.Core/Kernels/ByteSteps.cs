using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// Between numbers and steps of 8 bits, as ONNX defines <c>DynamicQuantizeLinear</c>: one scale and one zero point for all
/// values of a tensor, which are found as the values come; and back from sums of products of steps.
/// </summary>
internal static unsafe class ByteSteps
{
    /// <summary>Lengths are multiples of it.</summary>
    public const int Side = 64;

    private const int Lanes = 16;

    /// <summary>x = (step - zero) * scale</summary>
    /// <param name="x">[count]</param>
    /// <param name="count">A multiple of <see cref="Side"/>.</param>
    /// <param name="least">Of the values, at most 0.</param>
    /// <param name="largest">Of the values, at least 0.</param>
    /// <param name="tensor">[count], to be filled.</param>
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

    /// <summary>As the other, without a bias.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Read(int* sums, float* scales) => Vector512.ConvertToSingle(Vector512.Load(sums)) * Vector512.Load(scales);

    /// <summary>A product's scale for each output: that of its input's steps times that of its weights'.</summary>
    /// <param name="input">Of the input's steps.</param>
    /// <param name="weights">[count]</param>
    /// <param name="count">A multiple of sixteen.</param>
    /// <param name="scales">[count], to be filled.</param>
    public static void Multiply(float input, float* weights, int count, float* scales)
    {
        for (int i = 0; i < count; i += Lanes)
        {
            (Vector512.Load(weights + i) * input).Store(scales + i);
        }
    }
}

/// <summary>A tensor in steps of 8 bits: x = (step - zero) * scale.</summary>
internal readonly unsafe struct StepTensor(byte* steps, float* scale, byte* zero)
{
    public byte* Steps => steps;

    public float* Scale => scale;

    public byte* Zero => zero;
}
