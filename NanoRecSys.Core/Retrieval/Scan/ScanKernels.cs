using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Retrieval.Scan;

/// <summary>Inner products and squared distances of two fp32 vectors. Rows may lie unaligned, as in a mapped file.</summary>
internal static class FloatKernel
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

/// <summary>
/// Inner products of unsigned 8-bit rows with a signed 16-bit query, exact in 32 bits. Sixteen rows lie side by side,
/// two dimensions of each at a time, so that one register holds a partial sum of sixteen rows and nothing has to be
/// added across it.
/// </summary>
internal static class ByteKernel
{
    /// <summary>Rows of a block.</summary>
    public const int BlockRows = 16;

    /// <summary>Blocks that share a load of the query.</summary>
    public const int BlocksAtOnce = 4;

    // Of a million rows of 256: one group ahead into the first-level cache 15.4 ms, two into the second 12.2, four 12.4, none 17.5.
    private const int GroupsAhead = 4;

    /// <param name="blocks">[count, pairs, 16, 2]: the bytes of one to four blocks.</param>
    /// <param name="query">[pairs]: two 16-bit values in each.</param>
    /// <param name="products">[count, 16]</param>
    /// <param name="level">Instructions to use.</param>
    public static void Multiply(ReadOnlySpan<byte> blocks, ReadOnlySpan<int> query, Span<int> products, SimdLevel level)
    {
        int blockBytes = query.Length * 2 * BlockRows;
        int count = products.Length / BlockRows;
        ArgumentOutOfRangeException.ThrowIfNotEqual(blocks.Length, count * blockBytes, nameof(blocks));
        ref byte bytes = ref MemoryMarshal.GetReference(blocks);
        if (level == SimdLevel.Avx512 && count == BlocksAtOnce)
        {
            MultiplyFour512(ref bytes, query, products);
            return;
        }

        for (int block = 0; block < count; block++)
        {
            Span<int> rows = products.Slice(block * BlockRows, BlockRows);
            ref byte first = ref Unsafe.Add(ref bytes, block * blockBytes);
            switch (level)
            {
                case SimdLevel.Avx512:
                    Multiply512(ref first, query, rows);
                    break;
                case SimdLevel.Avx2:
                    Multiply256(ref first, query, rows);
                    break;
                default:
                    MultiplyPortable(blocks.Slice(block * blockBytes, blockBytes), query, rows);
                    break;
            }
        }
    }

    // A block is a page at 256 dimensions, and the processor's own prefetching ends with each page: later blocks are asked for, line by
    // line, while these are multiplied. What lies behind the last ones is asked for in vain, and does no harm.
    private static unsafe void MultiplyFour512(ref byte bytes, ReadOnlySpan<int> query, Span<int> products)
    {
        Vector512<int> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        nuint blockBytes = (nuint)query.Length * 32;
        ref byte bytes1 = ref Unsafe.Add(ref bytes, blockBytes);
        ref byte bytes2 = ref Unsafe.Add(ref bytes, 2 * blockBytes);
        ref byte bytes3 = ref Unsafe.Add(ref bytes, 3 * blockBytes);
        byte* next = (byte*)Unsafe.AsPointer(ref bytes) + (GroupsAhead * BlocksAtOnce * blockBytes);
        nuint at = 0;
        foreach (int pair in query)
        {
            Vector512<short> values = Vector512.Create(pair).AsInt16();
            sum0 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes, at)), values);
            sum1 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes1, at)), values);
            sum2 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes2, at)), values);
            sum3 += Avx512BW.MultiplyAddAdjacent(Avx512BW.ConvertToVector512Int16(Vector256.LoadUnsafe(ref bytes3, at)), values);
            Sse.Prefetch1(next + (BlocksAtOnce * at));
            Sse.Prefetch1(next + (BlocksAtOnce * at) + 64);
            at += 32;
        }

        sum0.CopyTo(products);
        sum1.CopyTo(products[16..]);
        sum2.CopyTo(products[32..]);
        sum3.CopyTo(products[48..]);
    }

    private static void Multiply512(ref byte bytes, ReadOnlySpan<int> query, Span<int> products)
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

    private static void Multiply256(ref byte bytes, ReadOnlySpan<int> query, Span<int> products)
    {
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

    private static void MultiplyPortable(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> query, Span<int> products)
    {
        products.Clear();
        for (int pair = 0; pair < query.Length; pair++)
        {
            int first = (short)query[pair];
            int second = query[pair] >> 16;
            ReadOnlySpan<byte> rows = bytes.Slice(pair * 2 * BlockRows, 2 * BlockRows);
            for (int row = 0; row < products.Length; row++)
            {
                products[row] += rows[2 * row] * first + rows[2 * row + 1] * second;
            }
        }
    }
}

/// <summary>
/// Sums of table entries that codes name, 64 codes side by side. Where the processor permutes bytes across 512 bits
/// (AVX-512 VBMI), a table of 256 bytes lies in four registers and 64 entries are read at once.
/// </summary>
internal static class CodeKernel
{
    /// <summary>Codes of a block.</summary>
    public const int BlockRows = 64;

    /// <summary>Parts whose bytes' sum fits 16 bits.</summary>
    public const int MostParts = ushort.MaxValue / byte.MaxValue;

    public static bool HasByteTables(SimdLevel level) => level == SimdLevel.Avx512 && Avx512Vbmi.IsSupported;

    /// <param name="codes">[parts, 64]</param>
    /// <param name="tables">[parts, 256]</param>
    /// <param name="sums">[64]</param>
    public static void SumBytes(ReadOnlySpan<byte> codes, ReadOnlySpan<byte> tables, Span<ushort> sums)
    {
        Vector512<ushort> even = default;
        Vector512<ushort> odd = default;
        ref byte table = ref MemoryMarshal.GetReference(tables);
        ref byte code = ref MemoryMarshal.GetReference(codes);
        Vector512<ushort> lowByte = Vector512.Create((ushort)0xFF);
        nuint parts = (nuint)codes.Length / BlockRows;
        for (nuint part = 0; part < parts; part++)
        {
            Vector512<byte> indices = Vector512.LoadUnsafe(ref code, part * BlockRows);
            nuint at = part * 256;
            Vector512<byte> low = Avx512Vbmi.PermuteVar64x8x2(Vector512.LoadUnsafe(ref table, at), indices, Vector512.LoadUnsafe(ref table, at + 64));
            Vector512<byte> high = Avx512Vbmi.PermuteVar64x8x2(Vector512.LoadUnsafe(ref table, at + 128), indices, Vector512.LoadUnsafe(ref table, at + 192));
            Vector512<byte> values = Vector512.ConditionalSelect(Vector512.LessThan(indices.AsSByte(), Vector512<sbyte>.Zero).AsByte(), high, low);
            even += values.AsUInt16() & lowByte;
            odd += values.AsUInt16() >>> 8;
        }

        Span<ushort> evens = stackalloc ushort[BlockRows / 2];
        Span<ushort> odds = stackalloc ushort[BlockRows / 2];
        even.CopyTo(evens);
        odd.CopyTo(odds);
        for (int i = 0; i < BlockRows / 2; i++)
        {
            (sums[2 * i], sums[2 * i + 1]) = (evens[i], odds[i]);
        }
    }

    /// <param name="codes">[parts, 64]</param>
    /// <param name="tables">[parts, 256]</param>
    /// <param name="sums">[64]</param>
    public static void SumFloats(ReadOnlySpan<byte> codes, ReadOnlySpan<float> tables, Span<float> sums)
    {
        sums.Clear();
        for (int part = 0; part < codes.Length / BlockRows; part++)
        {
            ReadOnlySpan<float> table = tables.Slice(part * 256, 256);
            ReadOnlySpan<byte> row = codes.Slice(part * BlockRows, BlockRows);
            for (int i = 0; i < row.Length; i++)
            {
                sums[i] += table[row[i]];
            }
        }
    }
}

/// <summary>
/// The first pass over product codes: the tables of a query as bytes of one common step, so that a sum of M entries is
/// off by at most M / 2 steps. Only rows that may still be among the best K are summed in fp32 afterwards.
/// </summary>
internal sealed class CodeScan
{
    private const float Rounding = 1f / (1 << 18); // of sums of up to some hundred fp32 terms

    [ThreadStatic]
    private static CodeScan? Idle;

    private readonly ushort[] _sums = new ushort[CodeKernel.BlockRows];
    private readonly float[] _scores = new float[CodeKernel.BlockRows];
    private readonly float[] _bounds = new float[CodeKernel.BlockRows];
    private byte[] _bytes = [];
    private bool _useBytes;
    private float _step;
    private float _least;
    private float _bound;
    private int _parts;

    public BoundedCandidates Candidates { get; } = new();

    /// <summary>[M, 256] to be filled by the caller before <see cref="Begin"/>.</summary>
    public float[] Table { get; private set; } = [];

    public static CodeScan Take(int parts)
    {
        CodeScan scan = Idle ?? new CodeScan();
        Idle = null;
        scan._parts = parts;
        if (scan.Table.Length < parts * 256)
        {
            scan.Table = new float[parts * 256];
            scan._bytes = new byte[parts * 256];
        }

        return scan;
    }

    public static void GiveBack(CodeScan scan) => Idle = scan;

    /// <param name="k">Neighbours wanted.</param>
    /// <param name="level">Instructions to use.</param>
    public void Begin(int k, SimdLevel level)
    {
        Candidates.Begin(k);
        float range = 0;
        float magnitude = 0;
        _least = 0;
        for (int part = 0; part < _parts; part++)
        {
            ReadOnlySpan<float> row = Table.AsSpan(part * 256, 256);
            (float low, float high) = (TensorPrimitives.Min(row), TensorPrimitives.Max(row));
            range = Math.Max(range, high - low);
            magnitude += Math.Max(Math.Abs(low), Math.Abs(high));
            _least += low;
        }

        // A table that is no number or endless has no step; it is summed as it is.
        _useBytes = CodeKernel.HasByteTables(level) && _parts <= CodeKernel.MostParts && float.IsFinite(range);
        _step = range > 0 ? range / 255 : 1;
        _bound = magnitude * Rounding + (_useBytes ? 0.501f * _parts * _step : 0);
        for (int part = 0; _useBytes && part < _parts; part++)
        {
            ReadOnlySpan<float> row = Table.AsSpan(part * 256, 256);
            float low = TensorPrimitives.Min(row);
            for (int i = 0; i < 256; i++)
            {
                _bytes[part * 256 + i] = (byte)Math.Clamp((row[i] - low) / _step + 0.5f, 0, 255);
            }
        }
    }

    /// <param name="codes">[blocks, M, 64]</param>
    /// <param name="offsets">[positions] added to each row's sum.</param>
    /// <param name="first">First position; a multiple of 64.</param>
    /// <param name="count">Positions in use from there on.</param>
    /// <param name="constant">Added to every score.</param>
    /// <param name="filter">Its sets are over ids.</param>
    /// <param name="ids">[positions]</param>
    public void Scan(ReadOnlySpan<byte> codes, ReadOnlySpan<float> offsets, int first, int count, float constant, RowFilter filter, ReadOnlySpan<int> ids)
    {
        int blockBytes = _parts * CodeKernel.BlockRows;
        _bounds.AsSpan().Fill(_bound + Math.Abs(constant) * Rounding);
        for (int position = first; position < first + count; position += CodeKernel.BlockRows)
        {
            int used = Math.Min(CodeKernel.BlockRows, first + count - position);
            ReadOnlySpan<byte> block = codes.Slice(position / CodeKernel.BlockRows * blockBytes, blockBytes);
            if (_useBytes)
            {
                CodeKernel.SumBytes(block, _bytes.AsSpan(0, _parts * 256), _sums);
                TensorPrimitives.ConvertTruncating<ushort, float>(_sums, _scores);
                TensorPrimitives.MultiplyAdd(_scores, _step, offsets.Slice(position, CodeKernel.BlockRows), _scores);
                TensorPrimitives.Add(_scores, constant + _least, _scores);
            }
            else
            {
                CodeKernel.SumFloats(block, Table.AsSpan(0, _parts * 256), _scores);
                TensorPrimitives.Add(_scores, offsets.Slice(position, CodeKernel.BlockRows), _scores);
                TensorPrimitives.Add(_scores, constant, _scores);
            }

            Candidates.Offer(position, _scores, _bounds, used < 64 ? (1UL << used) - 1 : ulong.MaxValue, filter, ids);
        }
    }
}

/// <summary>Which instructions the inner loops use; each gives the same rows, only the speed differs.</summary>
/// <remarks>
/// .NET 10 has no intrinsics for AVX-512 VNNI (only for its 256-bit sibling AVX-VNNI, which Zen 4 lacks), so that the
/// byte products widen to 16 bits instead. That lets the query keep 16 bits, and the bound is narrower for it.
/// </remarks>
public enum SimdLevel
{
    /// <summary>Whatever <see cref="System.Numerics.Vector{T}"/> becomes; plain loops for bytes.</summary>
    Portable,

    /// <summary>256-bit x86.</summary>
    Avx2,

    /// <summary>512-bit x86 with byte and word instructions.</summary>
    Avx512,
}

/// <summary>What this processor can run.</summary>
internal static class SimdLevels
{
    public static SimdLevel Best { get; } =
        Avx512BW.IsSupported && Vector512.IsHardwareAccelerated ? SimdLevel.Avx512 : Avx2.IsSupported ? SimdLevel.Avx2 : SimdLevel.Portable;

    /// <summary>All that run here, the slowest first; tests force each.</summary>
    public static IEnumerable<SimdLevel> Supported => Enum.GetValues<SimdLevel>().Where(level => level <= Best);
}
