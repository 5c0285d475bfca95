using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Kernels;

/// <summary>Vectors of sixteen floats, and whether this process uses the kernels for them. Every choice of a kernel checks this once.</summary>
internal static class Vectors512
{
    public const int Lanes = 16; // floats per vector
    public const string Variable = "NANORECSYS_KERNELS"; // environment variable; "off" turns the kernels off, to compare speed and results

    public static bool IsOff => Environment.GetEnvironmentVariable(Variable) == "off"; // whether Variable turns all kernels off

    /// <summary>Whether to use the kernels. If 512-bit vectors are emulated (AVX2: two halves), ONNX Runtime and torch are faster.</summary>
    public static bool AreUsed { get; } = Vector512.IsHardwareAccelerated && !IsOff;

    /// <summary>The largest of sixteen numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Largest(Vector512<float> values)
    {
        Vector256<float> eight = Vector256.Max(values.GetLower(), values.GetUpper());
        Vector128<float> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        four = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}

/// <summary>
/// e^x and the logistic function of sixteen numbers in single precision, within 2e-7 relative: the runtime's exponential uses
/// double precision and takes several times as long.
/// </summary>
internal static class FastExp
{
    private const float LeastExponent = -87.3f; // below this the result would be denormal; it is then e^-87.3
    private const float LargestExponent = 88.3f;
    private const float Log2E = 1.44269504f;
    private const float Ln2High = 0.693359375f; // exact in few bits, so that n * high is exact, too (Cody and Waite, 1980)
    private const float Ln2Low = -2.12194440e-4f;
    private const int MantissaBits = 23;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.Min(Vector512.Max(x, Vector512.Create(LeastExponent)), Vector512.Create(LargestExponent));
        Vector512<float> n = Vector512.Round(x * Log2E); // x = n ln 2 + r
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);
        Vector512<float> p = Vector512.Create(1.9875691500e-4f); // e^r - 1 - r over r^2 on |r| <= ln 2 / 2 (Moshier's Cephes)
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r + Vector512<float>.One);
        Vector512<int> exponent = Vector512.ConvertToInt32Native(n) << MantissaBits;
        return (p.AsInt32() + exponent).AsSingle(); // p * 2^n
    }

    /// <summary>1 / (1 + e^-x)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Sigmoid(Vector512<float> x) => Reciprocal(Vector512<float>.One + Exp(-x));

    // A division takes as long as five multiplications. One Newton step doubles the estimate's 14 correct bits.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Reciprocal(Vector512<float> x)
    {
        if (!Avx512F.IsSupported)
        {
            return Vector512<float>.One / x;
        }

        Vector512<float> estimate = Avx512F.Reciprocal14(x);
        return estimate * Vector512.FusedMultiplyAdd(-x, estimate, Vector512.Create(2f));
    }
}

/// <summary>A thread's buffer for a kernel's intermediate results. It grows to the largest size requested and is reused by each call.</summary>
internal sealed unsafe class Scratch
{
    private const nuint Alignment = 64;

    [ThreadStatic]
    private static Scratch? OfThread;

    private byte* _memory;
    private nuint _size;

    ~Scratch() => NativeMemory.AlignedFree(_memory);

    /// <returns>An aligned, uninitialized buffer of that many floats; it replaces the thread's previous one.</returns>
    public static float* Take(long count)
    {
        Scratch own = OfThread ??= new Scratch();
        nuint size = (nuint)count * sizeof(float);
        if (own._size < size)
        {
            own._memory = (byte*)NativeMemory.AlignedRealloc(own._memory, size, Alignment);
            own._size = size;
        }

        return (float*)own._memory;
    }
}
