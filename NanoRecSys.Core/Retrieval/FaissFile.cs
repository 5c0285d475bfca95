using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// FAISS's binary index format, little-endian. An index starts with four letters that name its kind, then the
/// common header: dimension (int32), rows (int64), two unused int64, trained (byte), metric (int32). A flat
/// index follows it with the number of floats (uint64) and the rows.
/// </summary>
public static class FaissFile
{
    private const int HeaderBytes = 4 + 4 + 8 + 8 + 8 + 1 + 4 + 8;
    private const long UnusedField = 1 << 20; // FAISS writes this number where older versions had other fields.
    private const int MaxDimension = 1 << 16;
    private static ReadOnlySpan<byte> FlatInnerProduct => "IxFI"u8;
    private static ReadOnlySpan<byte> FlatL2 => "IxF2"u8;

    public static void Write(string path, FlatIndex index)
    {
        ArgumentNullException.ThrowIfNull(index);
        bool innerProduct = index.Metric == VectorMetric.InnerProduct;
        Span<byte> header = stackalloc byte[HeaderBytes];
        (innerProduct ? FlatInnerProduct : FlatL2).CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], index.Dimension);
        BinaryPrimitives.WriteInt64LittleEndian(header[8..], index.Count);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], UnusedField);
        BinaryPrimitives.WriteInt64LittleEndian(header[24..], UnusedField);
        header[32] = 1; // trained
        BinaryPrimitives.WriteInt32LittleEndian(header[33..], innerProduct ? 0 : 1);
        BinaryPrimitives.WriteInt64LittleEndian(header[37..], index.Vectors.Length);

        using FileStream file = File.Create(path);
        file.Write(header);
        file.Write(MemoryMarshal.AsBytes(index.Vectors));
    }

    /// <exception cref="InvalidDataException">
    /// Not a FAISS index, a kind that is not read here, or sizes that do not fit the file. Nothing is allocated
    /// before the sizes are checked against the file's length.
    /// </exception>
    public static IVectorIndex Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes)
        {
            throw new InvalidDataException($"{path}: {file.Length} bytes are too few for a FAISS index.");
        }

        bool innerProduct = header[..4].SequenceEqual(FlatInnerProduct);
        if (!innerProduct && !header[..4].SequenceEqual(FlatL2))
        {
            throw new InvalidDataException($"{path}: index kind '{Printable(header[..4])}' is not one that is read here (IxFI, IxF2).");
        }

        int dimension = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        long rows = BinaryPrimitives.ReadInt64LittleEndian(header[8..]);
        int metric = BinaryPrimitives.ReadInt32LittleEndian(header[33..]);
        long floats = BinaryPrimitives.ReadInt64LittleEndian(header[37..]);
        if (dimension is <= 0 or > MaxDimension || rows is < 0 or > int.MaxValue || metric != (innerProduct ? 0 : 1))
        {
            throw new InvalidDataException($"{path}: dimension {dimension}, {rows} rows, metric {metric} are not those of a flat index.");
        }

        long expectedBytes = rows * dimension * sizeof(float);
        if (floats != rows * dimension || file.Length - HeaderBytes != expectedBytes || floats > Array.MaxLength)
        {
            throw new InvalidDataException($"{path}: {rows} rows of {dimension} need {expectedBytes} bytes, the file has {file.Length - HeaderBytes}.");
        }

        var vectors = new float[floats];
        file.ReadExactly(MemoryMarshal.AsBytes(vectors.AsSpan()));
        return new FlatIndex(vectors, dimension, innerProduct ? VectorMetric.InnerProduct : VectorMetric.L2);
    }

    private static string Printable(ReadOnlySpan<byte> letters)
    {
        Span<char> text = stackalloc char[letters.Length];
        for (int i = 0; i < letters.Length; i++)
        {
            text[i] = letters[i] is >= 0x20 and < 0x7F ? (char)letters[i] : '?';
        }

        return text.ToString();
    }
}
