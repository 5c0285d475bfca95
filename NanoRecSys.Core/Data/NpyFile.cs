using System.Globalization;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Parquet.Serialization;

namespace NanoRecSys.Core.Data;

/// <summary>A matrix in NumPy's <c>.npy</c> format 1.0: float32, row-major.</summary>
internal static class NpyFile
{
    /// <param name="values">[rows, columns], row-major.</param>
    public static void Write(string path, ReadOnlySpan<float> values, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (values.Length % columns != 0)
        {
            throw new ArgumentException($"{values.Length} values are not rows of {columns}.", nameof(values));
        }

        using FileStream file = File.Create(path);
        new NpyHeader(NpyHeader.Float32, values.Length / columns, columns).Write(file);
        file.Write(MemoryMarshal.AsBytes(values));
    }

    /// <returns>The values, row-major, and the number of columns.</returns>
    /// <exception cref="InvalidDataException">Not a float32 matrix in row-major order, or truncated.</exception>
    public static (float[] Values, int Columns) Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(file, path, NpyHeader.Float32);
        var matrix = new float[header.Rows * header.Columns];
        file.ReadExactly(MemoryMarshal.AsBytes(matrix.AsSpan()));
        return (matrix, header.Columns);
    }

    /// <summary>Like <see cref="Read"/>, but the values stay in the file, which may be disposed, and are read on access.</summary>
    public static (ReadOnlyMemory<float> Values, int Columns, MappedFile File) Map(string path)
    {
        using FileStream file = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(file, path, NpyHeader.Float32);
        var mapped = new MappedFile(file);
        return (mapped.Column<float>(file.Position, checked((int)(header.Rows * header.Columns))), header.Columns, mapped);
    }

    /// <summary>Writes a matrix whose rows are not all in memory at once.</summary>
    /// <param name="write">Writes rows * columns values, row-major.</param>
    public static void Write(string path, long rows, int columns, Action<Stream> write)
    {
        using FileStream file = File.Create(path);
        new NpyHeader(NpyHeader.Float32, rows, columns).Write(file);
        write(file);
    }
}

/// <summary>The header of a matrix in NumPy's <c>.npy</c> (format 1.0).</summary>
/// <param name="Type">NumPy's name for the number type: <see cref="Float32"/> or <see cref="Float16"/>.</param>
internal readonly partial record struct NpyHeader(string Type, long Rows, int Columns)
{
    public const string Float32 = "<f4";
    public const string Float16 = "<f2";
    private const int Alignment = 64; // NumPy pads the header so that the data can be memory-mapped aligned.

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];

    [GeneratedRegex(@"'descr':\s*'(?<type>[^']*)'.*'fortran_order':\s*False.*'shape':\s*\((?<rows>[0-9]{1,9}),\s*(?<columns>[0-9]{1,9})\)")]
    private static partial Regex Matrix();

    public void Write(Stream file)
    {
        string text = $"{{'descr': '{Type}', 'fortran_order': False, 'shape': ({Rows}, {Columns}), }}";
        int unpadded = Magic.Length + sizeof(ushort) + text.Length + 1;
        int padding = (Alignment - unpadded % Alignment) % Alignment;
        byte[] header = Encoding.ASCII.GetBytes(text + new string(' ', padding) + "\n");
        file.Write(Magic);
        file.Write(BitConverter.GetBytes((ushort)header.Length));
        file.Write(header);
    }

    /// <summary>Leaves the stream positioned at the first value.</summary>
    /// <exception cref="InvalidDataException">Not such a matrix in row-major order, or of another size than the header says.</exception>
    public static NpyHeader Read(FileStream file, string path, string type)
    {
        Span<byte> start = stackalloc byte[10];
        if (file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) < start.Length || !start[..8].SequenceEqual(Magic))
        {
            throw new InvalidDataException($"{path}: not a NumPy file of format 1.0.");
        }

        byte[] header = new byte[BitConverter.ToUInt16(start[8..])];
        if (file.ReadAtLeast(header, header.Length, throwOnEndOfStream: false) < header.Length)
        {
            throw new InvalidDataException($"{path}: ends within its header.");
        }

        Match match = Matrix().Match(Encoding.ASCII.GetString(header));
        if (!match.Success || match.Groups["type"].Value != type)
        {
            throw new InvalidDataException($"{path}: expected a matrix of '{type}' in row-major order, found {Encoding.ASCII.GetString(header).Trim()}.");
        }

        long rows = long.Parse(match.Groups["rows"].ValueSpan, CultureInfo.InvariantCulture);
        int columns = int.Parse(match.Groups["columns"].ValueSpan, CultureInfo.InvariantCulture);
        long bytes = rows * columns * (type == Float16 ? sizeof(ushort) : sizeof(float));
        if (columns == 0 || bytes != file.Length - file.Position)
        {
            throw new InvalidDataException($"{path}: {rows} x {columns} of '{type}' need {bytes} bytes of data, the file has {file.Length - file.Position}.");
        }

        return new NpyHeader(type, rows, columns);
    }
}

/// <summary>
/// A float16 matrix in a <c>.npy</c> file, mapped: the system pages in rows on access. Safe for concurrent reads;
/// the file stays mapped until it is disposed.
/// </summary>
internal sealed class HalfRows : IDisposable
{
    private readonly MappedFile _file;
    private readonly long _first; // byte of the first value

    private HalfRows(MappedFile file, long first, NpyHeader header) =>
        (_file, _first, Count, Columns) = (file, first, (int)header.Rows, header.Columns);

    public int Count { get; }
    public int Columns { get; }

    /// <exception cref="InvalidDataException">Not a float16 matrix in row-major order, or truncated.</exception>
    public static HalfRows Map(string path)
    {
        using FileStream file = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(file, path, NpyHeader.Float16);
        return new HalfRows(new MappedFile(file), file.Position, header);
    }

    /// <param name="rows"><paramref name="count"/> rows, each [columns].</param>
    public static void Write(string path, IEnumerable<float[]> rows, int count, int columns)
    {
        using FileStream file = File.Create(path);
        new NpyHeader(NpyHeader.Float16, count, columns).Write(file);
        var halves = new Half[columns];
        foreach (float[] row in rows)
        {
            TensorPrimitives.ConvertToHalf(row, halves);
            file.Write(MemoryMarshal.AsBytes<Half>(halves));
        }
    }

    /// <returns>[columns], in single precision.</returns>
    public float[] Row(int row)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Count);
        using MappedFile.Lease held = _file.Hold();
        ReadOnlyMemory<Half> halves = _file.Column<Half>(_first + (long)row * Columns * sizeof(ushort), Columns);
        var values = new float[Columns];
        TensorPrimitives.ConvertToSingle(halves.Span, values);
        return values;
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Reads and writes <c>item_map_2d.parquet</c>: index, x, y; both within -1..1.</summary>
internal static class ItemPlaneFile
{
    /// <param name="places">[V, 2] positions, row-major.</param>
    public static async Task WriteAsync(string path, float[] places, CancellationToken cancellationToken = default)
    {
        IEnumerable<Row> rows = Enumerable.Range(0, places.Length / 2).Select(i => new Row { index = i, x = places[2 * i], y = places[2 * i + 1] });
        await ParquetSerializer.SerializeAsync(rows, path, cancellationToken: cancellationToken);
    }

    /// <returns>[V, 2], row-major.</returns>
    /// <exception cref="InvalidDataException">Rows are missing or out of order.</exception>
    public static async Task<float[]> ReadAsync(string path, CancellationToken cancellationToken = default)
    {
        DeserializationResult<Row> rows = await ParquetSerializer.DeserializeAsync<Row>(path, cancellationToken: cancellationToken);
        var places = new float[rows.Data.Count * 2];
        for (int i = 0; i < rows.Data.Count; i++)
        {
            if (rows.Data[i].index != i)
            {
                throw new InvalidDataException($"{path}: row {i} holds item {rows.Data[i].index}; rows must be in index order.");
            }

            (places[2 * i], places[2 * i + 1]) = (rows.Data[i].x, rows.Data[i].y);
        }

        return places;
    }

    // Parquet.Net takes the column names from the properties.
#pragma warning disable IDE1006 // Naming: snake_case is the file's contract.
    private sealed class Row
    {
        public int index { get; set; }
        public float x { get; set; }
        public float y { get; set; }
    }
#pragma warning restore IDE1006
}
