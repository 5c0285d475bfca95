using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace NanoRecSys.Core.Data;

/// <summary>A matrix as NumPy's <c>.npy</c> keeps it (format 1.0): float32, row-major.</summary>
public static partial class NpyFile
{
    private const int Alignment = 64; // NumPy pads the header so that the data can be memory-mapped aligned.
    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0];

    [GeneratedRegex(@"'descr':\s*'<f4'.*'fortran_order':\s*False.*'shape':\s*\((?<rows>[0-9]{1,9}),\s*(?<columns>[0-9]{1,9})\)")]
    private static partial Regex Float32Matrix();

    /// <param name="path">File to write.</param>
    /// <param name="values">[rows, columns], row-major.</param>
    /// <param name="columns">Width of a row.</param>
    public static void Write(string path, ReadOnlySpan<float> values, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(columns);
        if (values.Length % columns != 0)
        {
            throw new ArgumentException($"{values.Length} values are not rows of {columns}.", nameof(values));
        }

        using FileStream file = File.Create(path);
        WriteHeader(file, values.Length / columns, columns);
        file.Write(MemoryMarshal.AsBytes(values));
    }

    /// <returns>The values, row-major, and the width of a row.</returns>
    /// <exception cref="InvalidDataException">Not a float32 matrix in row-major order, or cut short.</exception>
    public static (float[] Values, int Columns) Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        (long values, int columns) = ReadHeader(file, path);
        var matrix = new float[values];
        file.ReadExactly(MemoryMarshal.AsBytes(matrix.AsSpan()));
        return (matrix, columns);
    }

    /// <summary>As <see cref="Read"/>, but the values stay in the file and are read where they are looked at.</summary>
    public static (ReadOnlyMemory<float> Values, int Columns) Map(string path)
    {
        using FileStream file = File.OpenRead(path);
        (long values, int columns) = ReadHeader(file, path);
        return values == 0
            ? (ReadOnlyMemory<float>.Empty, columns)
            : (new MappedFile(file).Column<float>(file.Position, checked((int)values)), columns);
    }

    /// <summary>Writes a matrix of which not all rows are there at once.</summary>
    /// <param name="path">File to write.</param>
    /// <param name="rows">Rows to come.</param>
    /// <param name="columns">Width of a row.</param>
    /// <param name="write">Writes rows * columns values, row-major.</param>
    public static void Write(string path, long rows, int columns, Action<Stream> write)
    {
        ArgumentNullException.ThrowIfNull(write);
        using FileStream file = File.Create(path);
        WriteHeader(file, rows, columns);
        write(file);
    }

    private static void WriteHeader(Stream file, long rows, int columns)
    {
        string shape = string.Create(CultureInfo.InvariantCulture, $"({rows}, {columns})");
        string text = $"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}";
        int unpadded = Magic.Length + sizeof(ushort) + text.Length + 1;
        int padding = (Alignment - unpadded % Alignment) % Alignment;
        byte[] header = Encoding.ASCII.GetBytes(text + new string(' ', padding) + "\n");
        file.Write(Magic);
        file.Write(BitConverter.GetBytes((ushort)header.Length));
        file.Write(header);
    }

    // Leaves the file where the values start.
    private static (long Values, int Columns) ReadHeader(FileStream file, string path)
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

        Match match = Float32Matrix().Match(Encoding.ASCII.GetString(header));
        if (!match.Success)
        {
            throw new InvalidDataException($"{path}: expected a float32 matrix in row-major order, found {Encoding.ASCII.GetString(header).Trim()}.");
        }

        long rows = long.Parse(match.Groups["rows"].ValueSpan, CultureInfo.InvariantCulture);
        int columns = int.Parse(match.Groups["columns"].ValueSpan, CultureInfo.InvariantCulture);
        long bytes = rows * columns * sizeof(float);
        if (columns == 0 || bytes != file.Length - file.Position)
        {
            throw new InvalidDataException($"{path}: {rows} x {columns} float32 need {bytes} bytes of data, the file has {file.Length - file.Position}.");
        }

        return (rows * columns, columns);
    }
}
