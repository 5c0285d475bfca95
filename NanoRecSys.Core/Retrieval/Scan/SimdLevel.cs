using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace NanoRecSys.Core.Retrieval.Scan;

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
public static class SimdLevels
{
    public static SimdLevel Best { get; } =
        Avx512BW.IsSupported && Vector512.IsHardwareAccelerated ? SimdLevel.Avx512 : Avx2.IsSupported ? SimdLevel.Avx2 : SimdLevel.Portable;

    /// <summary>All that run here, the slowest first; tests force each.</summary>
    public static IEnumerable<SimdLevel> Supported => Enum.GetValues<SimdLevel>().Where(level => level <= Best);
}
