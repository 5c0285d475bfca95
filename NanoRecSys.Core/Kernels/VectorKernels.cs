using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Kernels;

/// <summary>
/// The inner loops of vector search. Rows may be unaligned, as in a mapped file. All implementations find the same rows and differ only in speed;
/// <c>benchmarks index</c> measures it, and docs/benchmark.md has the figures.
/// </summary>
internal interface IVectorKernel
{
    /// <summary>Whether comparing bytes first is faster than comparing all rows in fp32.</summary>
    bool IsFastWithBytes { get; }

    /// <summary>Whether <see cref="SumBytes"/> can be called.</summary>
    bool HasByteTables { get; }

    float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b);

    float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b);

    /// <summary>
    /// Inner products of unsigned 8-bit rows with a signed 16-bit query, exact in 32 bits. Sixteen rows are interleaved,
    /// two dimensions of each at a time, so that one register has a partial sum of each of the sixteen rows and no horizontal
    /// additions are needed.
    /// </summary>
    /// <param name="blocks">[count, pairs, 16, 2]: the bytes of one to four blocks.</param>
    /// <param name="query">[pairs]: two 16-bit values each.</param>
    /// <param name="products">[count, 16]</param>
    void Multiply(ReadOnlySpan<byte> blocks, ReadOnlySpan<int> query, Span<int> products);

    /// <summary>Sums of the table entries selected by codes, for 64 adjacent codes.</summary>
    /// <param name="codes">[parts, 64]</param>
    /// <param name="tables">[parts, 256]</param>
    /// <param name="sums">[64]</param>
    void SumBytes(ReadOnlySpan<byte> codes, ReadOnlySpan<byte> tables, Span<ushort> sums);
}

public enum SimdLevel
{
    Portable, // any processor
    Avx2, // 256-bit x86
    Avx512, // 512-bit x86 with byte and word instructions
}

internal static class VectorKernels
{
    public const int BlockRows = 16; // rows of a block of bytes
    public const int BlocksAtOnce = 4; // blocks of bytes per load of the query
    public const int CodeBlockRows = 64; // rows of a block of codes
    public const int MostParts = ushort.MaxValue / byte.MaxValue; // maximum number of parts whose byte sum fits in 16 bits

    public static IVectorKernel Best { get; } = For(Vectors512.IsOff ? SimdLevel.Portable : Supported.Last()); // the fastest one, chosen once

    /// <summary>The instruction sets supported here, slowest first; tests run each of them.</summary>
    public static IEnumerable<SimdLevel> Supported =>
    [
        SimdLevel.Portable,
        .. Avx2.IsSupported ? [SimdLevel.Avx2] : Array.Empty<SimdLevel>(),
        .. Avx512BW.IsSupported && Vector512.IsHardwareAccelerated ? [SimdLevel.Avx512] : Array.Empty<SimdLevel>(),
    ];

    public static IVectorKernel For(SimdLevel level) => level switch
    {
        SimdLevel.Avx512 => new Avx512Kernel(),
        SimdLevel.Avx2 => new Avx2Kernel(),
        _ => new PortableKernel(),
    };
}

/// <summary>
/// For AVX-512. .NET 10 has no intrinsics for AVX-512 VNNI (only for its 256-bit sibling AVX-VNNI, which Zen 4 lacks), so
/// byte products are widened to 16 bits instead. The query can therefore keep 16 bits, which narrows the error bound.
/// </summary>
internal sealed class Avx512Kernel : IVectorKernel
{
    // For a million rows of 256: prefetching one group ahead into L1 takes 15.4 ms, two into L2 12.2, four 12.4, none 17.5.
    private const int GroupsAhead = 4;

    public bool IsFastWithBytes => true;
    public bool HasByteTables => Avx512Vbmi.IsSupported;

    public float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => Reduce<Products>(a, b);

    public float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => Reduce<SquaredDifferences>(a, b);

    public void Multiply(ReadOnlySpan<byte> blocks, ReadOnlySpan<int> query, Span<int> products)
    {
        int blockBytes = VectorTerms.RequireBlocks(blocks, query, products);
        ref byte bytes = ref MemoryMarshal.GetReference(blocks);
        if (products.Length == VectorKernels.BlocksAtOnce * VectorKernels.BlockRows)
        {
            MultiplyFour(ref bytes, query, products);
            return;
        }

        for (int block = 0; block * VectorKernels.BlockRows < products.Length; block++)
        {
            MultiplyOne(ref Unsafe.Add(ref bytes, block * blockBytes), query, products[(block * VectorKernels.BlockRows)..]);
        }
    }

    // A table of 256 bytes fills four registers (AVX-512 VBMI), so 64 entries are looked up at once.
    public void SumBytes(ReadOnlySpan<byte> codes, ReadOnlySpan<byte> tables, Span<ushort> sums)
    {
        Vector512<ushort> even = default;
        Vector512<ushort> odd = default;
        ref byte table = ref MemoryMarshal.GetReference(tables);
        ref byte code = ref MemoryMarshal.GetReference(codes);
        Vector512<ushort> lowByte = Vector512.Create((ushort)0xFF);
        nuint parts = (nuint)codes.Length / VectorKernels.CodeBlockRows;
        for (nuint part = 0; part < parts; part++)
        {
            Vector512<byte> indices = Vector512.LoadUnsafe(ref code, part * VectorKernels.CodeBlockRows);
            nuint at = part * 256;
            Vector512<byte> low = Avx512Vbmi.PermuteVar64x8x2(Vector512.LoadUnsafe(ref table, at), indices, Vector512.LoadUnsafe(ref table, at + 64));
            Vector512<byte> high = Avx512Vbmi.PermuteVar64x8x2(Vector512.LoadUnsafe(ref table, at + 128), indices, Vector512.LoadUnsafe(ref table, at + 192));
            Vector512<byte> values = Vector512.ConditionalSelect(Vector512.LessThan(indices.AsSByte(), Vector512<sbyte>.Zero).AsByte(), high, low);
            even += values.AsUInt16() & lowByte;
            odd += values.AsUInt16() >>> 8;
        }

        Span<ushort> evens = stackalloc ushort[VectorKernels.CodeBlockRows / 2];
        Span<ushort> odds = stackalloc ushort[VectorKernels.CodeBlockRows / 2];
        even.CopyTo(evens);
        odd.CopyTo(odds);
        for (int i = 0; i < VectorKernels.CodeBlockRows / 2; i++)
        {
            (sums[2 * i], sums[2 * i + 1]) = (evens[i], odds[i]);
        }
    }

    // Four sums at once hide the latency of the additions.
    private static float Reduce<TTerm>(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
        where TTerm : ITerm
    {
        int length = VectorTerms.RequireSameLength(left, right);
        ref float a = ref MemoryMarshal.GetReference(left), b = ref MemoryMarshal.GetReference(right);
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

        return VectorTerms.Tail<TTerm>(ref a, ref b, i, length, Vector512.Sum(sum0 + sum1 + (sum2 + sum3)));
    }

    // A block is one page at 256 dimensions, and hardware prefetching stops at page boundaries: later blocks are prefetched line by
    // line while these are multiplied. Prefetching beyond the last block does no harm.
    private static unsafe void MultiplyFour(ref byte bytes, ReadOnlySpan<int> query, Span<int> products)
    {
        Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        nuint blockBytes = (nuint)query.Length * 32;
        ref byte bytes1 = ref Unsafe.Add(ref bytes, blockBytes);
        ref byte bytes2 = ref Unsafe.Add(ref bytes, 2 * blockBytes);
        ref byte bytes3 = ref Unsafe.Add(ref bytes, 3 * blockBytes);
        byte* next = (byte*)Unsafe.AsPointer(ref bytes) + (GroupsAhead * VectorKernels.BlocksAtOnce * blockBytes);
        nuint at = 0;
        foreach (int pair in query)
        {
            Vector512<short> values = Vector512.Create(pair).AsInt16();
            sum0 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes, at)), values);
            sum1 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes1, at)), values);
            sum2 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes2, at)), values);
            sum3 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes3, at)), values);
            Sse.Prefetch1(next + (VectorKernels.BlocksAtOnce * at));
            Sse.Prefetch1(next + (VectorKernels.BlocksAtOnce * at) + 64);
            at += 32;
        }

        sum0.CopyTo(products);
        sum1.CopyTo(products[16..]);
        sum2.CopyTo(products[32..]);
        sum3.CopyTo(products[48..]);
    }

    private static void MultiplyOne(ref byte bytes, ReadOnlySpan<int> query, Span<int> products)
    {
        Vector512<int> sum = default;
        nuint at = 0;
        foreach (int pair in query)
        {
            sum += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes, at)), Vector512.Create(pair).AsInt16());
            at += 32;
        }

        sum.CopyTo(products);
    }
}

/// <summary>For any processor: fp32 with <see cref="Vector{T}"/>, bytes with plain loops.</summary>
internal class PortableKernel : IVectorKernel
{
    public virtual bool IsFastWithBytes => false;
    public bool HasByteTables => false;

    public float Dot(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => Reduce<Products>(a, b);

    public float SquaredDistance(ReadOnlySpan<float> a, ReadOnlySpan<float> b) => Reduce<SquaredDifferences>(a, b);

    public void Multiply(ReadOnlySpan<byte> blocks, ReadOnlySpan<int> query, Span<int> products)
    {
        int blockBytes = VectorTerms.RequireBlocks(blocks, query, products);
        for (int block = 0; block * VectorKernels.BlockRows < products.Length; block++)
        {
            MultiplyOne(blocks.Slice(block * blockBytes, blockBytes), query, products.Slice(block * VectorKernels.BlockRows, VectorKernels.BlockRows));
        }
    }

    public void SumBytes(ReadOnlySpan<byte> codes, ReadOnlySpan<byte> tables, Span<ushort> sums) => throw new NotSupportedException();

    protected virtual void MultiplyOne(ReadOnlySpan<byte> block, ReadOnlySpan<int> query, Span<int> products)
    {
        products.Clear();
        for (int pair = 0; pair < query.Length; pair++)
        {
            int first = (short)query[pair];
            int second = query[pair] >> 16;
            ReadOnlySpan<byte> rows = block.Slice(pair * 2 * VectorKernels.BlockRows, 2 * VectorKernels.BlockRows);
            for (int row = 0; row < products.Length; row++)
            {
                products[row] += rows[2 * row] * first + rows[2 * row + 1] * second;
            }
        }
    }

    // Four sums at once hide the latency of the additions.
    private static float Reduce<TTerm>(ReadOnlySpan<float> left, ReadOnlySpan<float> right)
        where TTerm : ITerm
    {
        int length = VectorTerms.RequireSameLength(left, right), lanes = Vector<float>.Count;
        ref float a = ref MemoryMarshal.GetReference(left), b = ref MemoryMarshal.GetReference(right);
        Vector<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        int i = 0;
        for (; i + (4 * lanes) <= length; i += 4 * lanes)
        {
            sum0 = TTerm.Add(Vector.LoadUnsafe(ref a, (nuint)i), Vector.LoadUnsafe(ref b, (nuint)i), sum0);
            sum1 = TTerm.Add(Vector.LoadUnsafe(ref a, (nuint)(i + lanes)), Vector.LoadUnsafe(ref b, (nuint)(i + lanes)), sum1);
            sum2 = TTerm.Add(Vector.LoadUnsafe(ref a, (nuint)(i + (2 * lanes))), Vector.LoadUnsafe(ref b, (nuint)(i + (2 * lanes))), sum2);
            sum3 = TTerm.Add(Vector.LoadUnsafe(ref a, (nuint)(i + (3 * lanes))), Vector.LoadUnsafe(ref b, (nuint)(i + (3 * lanes))), sum3);
        }

        for (; i + lanes <= length; i += lanes)
        {
            sum0 = TTerm.Add(Vector.LoadUnsafe(ref a, (nuint)i), Vector.LoadUnsafe(ref b, (nuint)i), sum0);
        }

        return VectorTerms.Tail<TTerm>(ref a, ref b, (nuint)i, length, Vector.Sum(sum0 + sum1 + (sum2 + sum3)));
    }
}

/// <summary>For AVX2, whose register size is that of <see cref="Vector{T}"/>.</summary>
internal sealed class Avx2Kernel : PortableKernel
{
    public override bool IsFastWithBytes => true;

    protected override void MultiplyOne(ReadOnlySpan<byte> block, ReadOnlySpan<int> query, Span<int> products)
    {
        ref byte bytes = ref MemoryMarshal.GetReference(block);
        Vector256<int> low = default, high = default;
        nuint at = 0;
        foreach (int pair in query)
        {
            Vector256<short> values = Vector256.Create(pair).AsInt16();
            low += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref bytes, at)), values);
            high += Avx2.MultiplyAddAdjacent(Avx2.ConvertToVector256Int16(Vector128.LoadUnsafe(ref bytes, at + 16)), values);
            at += 32;
        }

        low.CopyTo(products);
        high.CopyTo(products[8..]);
    }
}

internal static class VectorTerms
{
    public static int RequireSameLength(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(a.Length, b.Length, nameof(b));
        return a.Length;
    }

    public static int RequireBlocks(ReadOnlySpan<byte> blocks, ReadOnlySpan<int> query, ReadOnlySpan<int> products)
    {
        int blockBytes = query.Length * 2 * VectorKernels.BlockRows;
        ArgumentOutOfRangeException.ThrowIfNotEqual(blocks.Length, products.Length / VectorKernels.BlockRows * blockBytes, nameof(blocks));
        return blockBytes;
    }

    /// <summary>The sum including the terms from <paramref name="i"/> on.</summary>
    public static float Tail<TTerm>(ref float a, ref float b, nuint i, int length, float sum)
        where TTerm : ITerm
    {
        for (; i < (nuint)length; i++)
        {
            sum = TTerm.Add(Unsafe.Add(ref a, i), Unsafe.Add(ref b, i), sum);
        }

        return sum;
    }
}

/// <summary>The summed term; a type parameter, so that every loop is compiled for it.</summary>
internal interface ITerm
{
    static abstract Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum);

    static abstract Vector<float> Add(Vector<float> a, Vector<float> b, Vector<float> sum);

    static abstract float Add(float a, float b, float sum);
}

internal readonly struct Products : ITerm
{
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.FusedMultiplyAdd(a, b, sum);

    public static Vector<float> Add(Vector<float> a, Vector<float> b, Vector<float> sum) => Vector.FusedMultiplyAdd(a, b, sum);

    public static float Add(float a, float b, float sum) => sum + a * b;
}

// Not |a|^2 - 2ab + |b|^2, which would lose the digits that decide close cases.
internal readonly struct SquaredDifferences : ITerm
{
    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b, Vector512<float> sum) => Vector512.FusedMultiplyAdd(a - b, a - b, sum);

    public static Vector<float> Add(Vector<float> a, Vector<float> b, Vector<float> sum) => Vector.FusedMultiplyAdd(a - b, a - b, sum);

    public static float Add(float a, float b, float sum) => sum + (a - b) * (a - b);
}
