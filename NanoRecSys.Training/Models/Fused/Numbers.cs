using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace NanoRecSys.Training.Models.Fused;

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
