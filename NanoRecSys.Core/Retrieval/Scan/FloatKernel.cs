using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>Inner products and squared distances of two fp32 vectors. Rows may lie unaligned, as in a mapped file.</summary>
public static class FloatKernel
{
    /// <param name="a">[D]</param>
    /// <param name="b">[D]</param>
    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => Dot(a, b, SimdLevels.Best);

    /// <param name="a">[D]</param>
    /// <param name="b">[D]</param>
    public static float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => SquaredDistance(a, b, SimdLevels.Best);

    public static float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b, SimdLevel level) => Reduce<Products>(a, b, level);

    public static float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b, SimdLevel level) => Reduce<SquaredDifferences>(a, b, level);

    /// <summary>Larger is nearer: the inner product, or the squared distance negated.</summary>
    public static float Score(VectorMetric metric, ReadOnlySpan<float> a, ReadOnlySpan<float> b, SimdLevel level) =>
        metric == VectorMetric.InnerProduct ? Dot(a, b, level) : -SquaredDistance(a, b, level);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Reduce<TTerm>(ReadOnlySpan<float> a, ReadOnlySpan<float> b, SimdLevel level)
        where TTerm : ITerm
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Length, b.Length, nameof(b));
        return level switch
        {
            SimdLevel.Avx512 => Reduce512<TTerm>(ref MemoryMarshal.GetReference(a), ref MemoryMarshal.GetReference(b), a.Length),
            SimdLevel.Avx2 => Reduce256<TTerm>(ref MemoryMarshal.GetReference(a), ref MemoryMarshal.GetReference(b), a.Length),
            _ => ReducePortable<TTerm>(a, b),
        };
    }

    // Four sums at once hide the latency of the additions.
    private static float Reduce512<TTerm>(ref float a, ref float b, int length)
        where TTerm : ITerm
    {
        Vector512<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        nuint i = 0;
        for (; i + 64 <= (nuint)length; i += 64)
        {
            sum0 = TTerm.Add(Vector512.LoadUnsafe(ref a, i), Vector512.LoadUnsafe(ref b, i), sum0);
            sum1 = TTerm.Add(Vector512.LoadUnsafe(ref a, i + 16), Vector512.LoadUnsafe(ref b, i + 16), sum1);
            sum2 = TTerm.Add(Vector512.LoadUnsafe(ref a, i + 32), Vector512.LoadUnsafe(ref b, i + 32), sum2);
            sum3 = TTerm.Add(Vector512.LoadUnsafe(ref a, i + 48), Vector512.LoadUnsafe(ref b, i + 48), sum3);
        }

        for (; i + 16 <= (nuint)length; i += 16)
        {
            sum0 = TTerm.Add(Vector512.LoadUnsafe(ref a, i), Vector512.LoadUnsafe(ref b, i), sum0);
        }

        return Tail<TTerm>(ref a, ref b, i, length, Vector512.Sum(sum0 + sum1 + (sum2 + sum3)));
    }

    private static float Reduce256<TTerm>(ref float a, ref float b, int length)
        where TTerm : ITerm
    {
        Vector256<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        nuint i = 0;
        for (; i + 32 <= (nuint)length; i += 32)
        {
            sum0 = TTerm.Add(Vector256.LoadUnsafe(ref a, i), Vector256.LoadUnsafe(ref b, i), sum0);
            sum1 = TTerm.Add(Vector256.LoadUnsafe(ref a, i + 8), Vector256.LoadUnsafe(ref b, i + 8), sum1);
            sum2 = TTerm.Add(Vector256.LoadUnsafe(ref a, i + 16), Vector256.LoadUnsafe(ref b, i + 16), sum2);
            sum3 = TTerm.Add(Vector256.LoadUnsafe(ref a, i + 24), Vector256.LoadUnsafe(ref b, i + 24), sum3);
        }

        for (; i + 8 <= (nuint)length; i += 8)
        {
            sum0 = TTerm.Add(Vector256.LoadUnsafe(ref a, i), Vector256.LoadUnsafe(ref b, i), sum0);
        }

        return Tail<TTerm>(ref a, ref b, i, length, Vector256.Sum(sum0 + sum1 + (sum2 + sum3)));
    }

    private static float ReducePortable<TTerm>(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
        where TTerm : ITerm
    {
        Vector<float> sum = default;
        int i = 0;
        for (; i + Vector<float>.Count <= a.Length; i += Vector<float>.Count)
        {
            sum = TTerm.Add(new Vector<float>(a[i..]), new Vector<float>(b[i..]), sum);
        }

        return Tail<TTerm>(ref MemoryMarshal.GetReference(a), ref MemoryMarshal.GetReference(b), (nuint)i, a.Length, Vector.Sum(sum));
    }

    private static float Tail<TTerm>(ref float a, ref float b, nuint i, int length, float sum)
        where TTerm : ITerm
    {
        for (; i < (nuint)length; i++)
        {
            sum = TTerm.Add(Unsafe.Add(ref a, i), Unsafe.Add(ref b, i), sum);
        }

        return sum;
    }

    /// <summary>What is summed up; a type, so that every loop is compiled for it.</summary>
    private interface ITerm
    {
        static abstract Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum);

        static abstract Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum);

        static abstract Vector<float> Add(Vector<float> a, Vector<float> b, Vector<float> sum);

        static abstract float Add(float a, float b, float sum);
    }

    private readonly struct Products : ITerm
    {
        public static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.FusedMultiplyAdd(a, b, sum);

        public static Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Vector256.FusedMultiplyAdd(a, b, sum);

        public static Vector<float> Add(Vector<float> a, Vector<float> b, Vector<float> sum) => sum + a * b;

        public static float Add(float a, float b, float sum) => sum + a * b;
    }

    // Not |a|^2 - 2ab + |b|^2: the digits that decide close races would be lost.
    private readonly struct SquaredDifferences : ITerm
    {
        public static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.FusedMultiplyAdd(a - b, a - b, sum);

        public static Vector256<float> Add(Vector256<float> a, Vector256<float> b, Vector256<float> sum) => Vector256.FusedMultiplyAdd(a - b, a - b, sum);

        public static Vector<float> Add(Vector<float> a, Vector<float> b, Vector<float> sum) => sum + (a - b) * (a - b);

        public static float Add(float a, float b, float sum) => sum + (a - b) * (a - b);
    }
}
