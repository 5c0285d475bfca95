using System.Numerics;
using System.Runtime.InteropServices;

namespace NanoRecSys.Training.Export;

/// <summary>Types of numbers that weights are stored in, by their names in a safetensors header.</summary>
internal enum StoredNumber
{
    F64,
    F32,
    F16,
    BF16,
    I64,
    I32,
    I16,
    I8,
    U8,
    BOOL,
}

/// <summary>Their sizes, and the way into float32.</summary>
internal static class StoredNumbers
{
    /// <summary>Bytes of one number.</summary>
    public static int WidthOf(StoredNumber type) => type switch
    {
        StoredNumber.F64 or StoredNumber.I64 => 8,
        StoredNumber.F32 or StoredNumber.I32 => 4,
        StoredNumber.F16 or StoredNumber.BF16 or StoredNumber.I16 => 2,
        _ => 1,
    };

    /// <param name="bytes">Little-endian; a multiple of the type's width.</param>
    /// <param name="type">What they are.</param>
    public static float[] ToFloat32(ReadOnlySpan<byte> bytes, StoredNumber type)
    {
        var values = new float[bytes.Length / WidthOf(type)];
        switch (type)
        {
            case StoredNumber.F64: Convert<double>(bytes, values); break;
            case StoredNumber.F32: bytes.CopyTo(MemoryMarshal.AsBytes(values.AsSpan())); break;
            case StoredNumber.F16: Convert<Half>(bytes, values); break;
            case StoredNumber.BF16: ConvertBrainFloats(bytes, values); break;
            case StoredNumber.I64: Convert<long>(bytes, values); break;
            case StoredNumber.I32: Convert<int>(bytes, values); break;
            case StoredNumber.I16: Convert<short>(bytes, values); break;
            case StoredNumber.I8: Convert<sbyte>(bytes, values); break;
            default: Convert<byte>(bytes, values); break;
        }

        return values;
    }

    private static void Convert<T>(ReadOnlySpan<byte> bytes, Span<float> values)
        where T : unmanaged, INumber<T>
    {
        ReadOnlySpan<T> source = MemoryMarshal.Cast<byte, T>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = float.CreateTruncating(source[i]);
        }
    }

    // bfloat16 is the upper half of a float32.
    private static void ConvertBrainFloats(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        ReadOnlySpan<ushort> source = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BitConverter.UInt32BitsToSingle((uint)source[i] << 16);
        }
    }
}
