using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace NanoRecSys.Core.Data;

/// <summary>What stands before the values of a matrix in NumPy's <c>.npy</c> (format 1.0).</summary>
/// <param name="Type">NumPy's name of the numbers: <see cref="Float32"/> or <see cref="Float16"/>.</param>
/// <param name="Rows">How many.</param>
/// <param name="Columns">Width of a row.</param>
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
        string shape = string.Create(CultureInfo.InvariantCulture, $"({Rows}, {Columns})");
        string text = $"{{'descr': '{Type}', 'fortran_order': False, 'shape': {shape}, }}";
        int unpadded = Magic.Length + sizeof(ushort) + text.Length + 1;
        int padding = (Alignment - unpadded % Alignment) % Alignment;
        byte[] header = Encoding.ASCII.GetBytes(text + new string(' ', padding) + "\n");
        file.Write(Magic);
        file.Write(BitConverter.GetBytes((ushort)header.Length));
        file.Write(header);
    }

    /// <summary>Leaves the file where the values start.</summary>
    /// <param name="file">At its start.</param>
    /// <param name="path">For the error.</param>
    /// <param name="type">What is asked for.</param>
    /// <param name="bytesEach">Of one number.</param>
    /// <exception cref="InvalidDataException">Not such a matrix in row-major order, or of another size than it says.</exception>
    public static NpyHeader Read(FileStream file, string path, string type, int bytesEach)
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
        long bytes = rows * columns * bytesEach;
        if (columns == 0 || bytes != file.Length - file.Position)
        {
            throw new InvalidDataException($"{path}: {rows} x {columns} of '{type}' need {bytes} bytes of data, the file has {file.Length - file.Position}.");
        }

        return new NpyHeader(type, rows, columns);
    }
}
