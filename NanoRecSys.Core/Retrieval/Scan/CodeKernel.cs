using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Retrieval.Scan;

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
