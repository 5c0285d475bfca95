using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Data;

/// <summary>A matrix as NumPy's <c>.npy</c> keeps it (format 1.0): float32, row-major.</summary>
public static class NpyFile
{
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
        new NpyHeader(NpyHeader.Float32, values.Length / columns, columns).Write(file);
        file.Write(MemoryMarshal.AsBytes(values));
    }

    /// <returns>The values, row-major, and the width of a row.</returns>
    /// <exception cref="InvalidDataException">Not a float32 matrix in row-major order, or cut short.</exception>
    public static (float[] Values, int Columns) Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(file, path, NpyHeader.Float32, sizeof(float));
        var matrix = new float[header.Rows * header.Columns];
        file.ReadExactly(MemoryMarshal.AsBytes(matrix.AsSpan()));
        return (matrix, header.Columns);
    }

    /// <summary>As <see cref="Read"/>, but the values stay in the file and are read where they are looked at.</summary>
    public static (ReadOnlyMemory<float> Values, int Columns) Map(string path)
    {
        using FileStream file = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(file, path, NpyHeader.Float32, sizeof(float));
        return header.Rows == 0
            ? (ReadOnlyMemory<float>.Empty, header.Columns)
            : (new MappedFile(file).Column<float>(file.Position, checked((int)(header.Rows * header.Columns))), header.Columns);
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
        new NpyHeader(NpyHeader.Float32, rows, columns).Write(file);
        write(file);
    }
}
