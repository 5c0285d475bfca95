using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace NanoRecSys.Core.Retrieval;

/// <summary>
/// FAISS's binary index format, little-endian: four letters for the kind, a common header, and the kind's own
/// fields (see <c>Files</c>). FAISS reads the files written here, and vice versa.
/// </summary>
internal static class FaissFile
{
    private const long MapFrom = 64 << 20; // below this, reading the file costs less than faulting in its pages one by one
    private const int BufferBytes = 1 << 16;

    /// <exception cref="ArgumentException">FAISS has no format for the index.</exception>
    public static void Write(string path, IVectorIndex index)
    {
        using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, BufferBytes);
        var writer = new FaissWriter(file);
        switch (index)
        {
            case FlatIndex flat:
                FlatFormat.Write(writer, FaissHeader.Of(flat), flat.Vectors);
                break;
            case IvfIndex ivf:
                IvfFormat.Write(writer, ivf);
                break;
            case HnswIndex hnsw:
                HnswFormat.Write(writer, hnsw);
                break;
            default:
                throw new ArgumentException($"An index of type {index.GetType().Name} cannot be written.", nameof(index));
        }
    }

    /// <summary>Reads an index. The rows of a large flat index stay in the file, mapped into memory until the index is disposed.</summary>
    /// <exception cref="InvalidDataException">
    /// Not a FAISS index, an unsupported kind, or contradictory contents. Nothing is allocated
    /// before its size is checked against the file's.
    /// </exception>
    /// <param name="mapFrom">File size in bytes from which the rows of a flat index stay in the file.</param>
    public static IVectorIndex Read(string path, long mapFrom = MapFrom)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, BufferBytes);
        var reader = new FaissReader(file, path);
        try
        {
            string letters = reader.Letters();
            IVectorIndex index = letters switch
            {
                FlatFormat.InnerProduct or FlatFormat.L2 => ReadFlat(file, reader, letters, mapFrom),
                IvfFormat.Flat or IvfFormat.Scalar or IvfFormat.Product => IvfFormat.Read(reader, letters),
                HnswFormat.Letters => HnswFormat.Read(reader),
                _ => throw reader.Error($"index kind '{letters}' is not supported (IxFI, IxF2, IwFl, IwSq, IwPQ, IHNf)"),
            };
            reader.Require(reader.Left == 0, $"{reader.Left} bytes follow the index");
            return index;
        }
        catch (OverflowException)
        {
            throw reader.Error("the index is larger than an array can be");
        }
    }

    private static FlatIndex ReadFlat(FileStream file, FaissReader reader, string letters, long mapFrom)
    {
        (FaissHeader header, long floats) = FlatFormat.ReadHeader(reader, letters);
        reader.Require(floats <= Array.MaxLength, $"{floats} values are too many for one index");
        if (file.Length < mapFrom)
        {
            return new FlatIndex(reader.Values<float>(floats), header.Dimension, header.Metric);
        }

        long start = reader.Position;
        reader.Skip(floats * sizeof(float));
        var mapped = new MappedFile(file);
        return new FlatIndex(mapped.Column<float>(start, (int)floats), header.Dimension, header.Metric) { Mapped = mapped };
    }
}

/// <summary>
/// Reads FAISS's little-endian numbers. Every length is checked against the rest of the file before memory is
/// allocated, so that a file of a few bytes cannot request gigabytes.
/// </summary>
internal sealed class FaissReader(Stream stream, string name)
{
    private const int ValuesAtOnce = 1 << 16; // an array may be larger than two gigabytes, but not a span of its bytes

    private readonly long _length = stream.Length;

    public long Position => stream.Position;
    public long Left => _length - stream.Position;

    /// <summary>Four letters that identify what follows.</summary>
    public string Letters()
    {
        var letters = new byte[4];
        ReadBytes(letters);
        return string.Concat(letters.Select(letter => letter is >= 0x20 and < 0x7F ? (char)letter : '?'));
    }

    public T Number<T>()
        where T : unmanaged
    {
        T value = default;
        ReadBytes(MemoryMarshal.AsBytes(new Span<T>(ref value)));
        return value;
    }

    /// <summary>A count that must have the expected value.</summary>
    public void Expect(string what, long expected)
    {
        long actual = Number<long>();
        Require(actual == expected, $"{what}: {actual}, expected {expected}");
    }

    /// <summary>A length and that many values.</summary>
    public T[] Vector<T>()
        where T : unmanaged => Values<T>(Number<long>());

    /// <param name="what">For the message if the file has another length.</param>
    public T[] Vector<T>(string what, long count)
        where T : unmanaged
    {
        Expect(what, count);
        return Values<T>(count);
    }

    public T[] Values<T>(long count)
        where T : unmanaged
    {
        Require(
            count >= 0 && count <= Array.MaxLength && count <= Left / Unsafe.SizeOf<T>(),
            $"{count} values of {Unsafe.SizeOf<T>()} bytes do not fit in the remaining {Left} bytes");
        T[] values = GC.AllocateUninitializedArray<T>((int)count);
        for (int start = 0; start < values.Length; start += ValuesAtOnce)
        {
            ReadBytes(MemoryMarshal.AsBytes(values.AsSpan(start, Math.Min(ValuesAtOnce, values.Length - start))));
        }

        return values;
    }

    public void Skip(long bytes)
    {
        Require(bytes >= 0 && bytes <= Left, $"{bytes} bytes do not fit in the remaining {Left}");
        stream.Seek(bytes, SeekOrigin.Current);
    }

    /// <exception cref="InvalidDataException">The condition does not hold.</exception>
    public void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw Error(message);
        }
    }

    public InvalidDataException Error(string message) => new($"{name}: {message} (byte {stream.Position}).");

    private void ReadBytes(Span<byte> bytes)
    {
        // One read may return fewer bytes than requested; a file that shrank in the meantime returns none.
        if (stream.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false) < bytes.Length)
        {
            throw Error("the file ends too early");
        }
    }
}

internal sealed class FaissWriter(Stream stream)
{
    public void Letters(string letters) => stream.Write(Encoding.ASCII.GetBytes(letters));

    public void Number<T>(T value)
        where T : unmanaged => stream.Write(MemoryMarshal.AsBytes(new ReadOnlySpan<T>(ref value)));

    /// <summary>A length and that many values.</summary>
    public void Vector<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        Number((long)values.Length);
        Values(values);
    }

    public void Values<T>(ReadOnlySpan<T> values)
        where T : unmanaged
    {
        // In parts, because a large array has more bytes than a span can hold.
        const int Part = 1 << 24;
        for (; values.Length > Part; values = values[Part..])
        {
            stream.Write(MemoryMarshal.AsBytes(values[..Part]));
        }

        stream.Write(MemoryMarshal.AsBytes(values));
    }
}

/// <summary>The beginning of every index file after its letters.</summary>
internal readonly record struct FaissHeader(int Dimension, int Rows, VectorMetric Metric)
{
    private const long UnusedField = 1 << 20; // FAISS writes this number in place of fields of older versions
    private const int MaxDimension = 1 << 16;

    public static FaissHeader Of(IVectorIndex index) => new(index.Dimension, index.Count, index.Metric);

    public static FaissHeader Read(FaissReader reader)
    {
        int dimension = reader.Number<int>();
        long rows = reader.Number<long>();
        reader.Skip(2 * sizeof(long));
        byte trained = reader.Number<byte>();
        int metric = reader.Number<int>();
        reader.Require(dimension is > 0 and <= MaxDimension, $"the dimension is {dimension}, expected 1 to {MaxDimension}");
        reader.Require(rows is >= 0 and <= int.MaxValue, $"{rows} rows");
        reader.Require(trained == 1, "the index is not trained");
        reader.Require(metric is 0 or 1, $"metric {metric} is not supported (0 inner product, 1 squared distance)");
        return new FaissHeader(dimension, (int)rows, metric == 0 ? VectorMetric.InnerProduct : VectorMetric.L2);
    }

    public void Write(FaissWriter writer)
    {
        writer.Number(Dimension);
        writer.Number((long)Rows);
        writer.Number(UnusedField);
        writer.Number(UnusedField);
        writer.Number((byte)1); // trained
        writer.Number(Metric == VectorMetric.InnerProduct ? 0 : 1);
    }
}
