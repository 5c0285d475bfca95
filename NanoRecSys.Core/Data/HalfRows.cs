using System.IO.MemoryMappedFiles;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Data;

/// <summary>
/// A float16 matrix in a <c>.npy</c> file, mapped: the system pages in the rows that are read. Safe for concurrent reads;
/// the file stays mapped until it is disposed.
/// </summary>
public sealed class HalfRows : IDisposable
{
    private readonly MemoryMappedFile _mapped;
    private readonly MemoryMappedViewAccessor _view;
    private readonly long _first; // byte of the first value

    private HalfRows(MemoryMappedFile mapped, long first, NpyHeader header)
    {
        _mapped = mapped;
        _view = mapped.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _first = _view.PointerOffset + first;
        (Count, Columns) = ((int)header.Rows, header.Columns);
    }

    public int Count { get; }

    public int Columns { get; }

    /// <exception cref="InvalidDataException">Not a float16 matrix in row-major order, or cut short.</exception>
    public static HalfRows Map(string path)
    {
        using FileStream file = File.OpenRead(path);
        NpyHeader header = NpyHeader.Read(file, path, NpyHeader.Float16, sizeof(ushort));
        var mapped = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        return new HalfRows(mapped, file.Position, header);
    }

    /// <param name="path">File to write.</param>
    /// <param name="rows">Each [columns]; <paramref name="count"/> of them.</param>
    /// <param name="count">Rows.</param>
    /// <param name="columns">Width of a row.</param>
    public static void Write(string path, IEnumerable<float[]> rows, int count, int columns)
    {
        ArgumentNullException.ThrowIfNull(rows);
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
        var halves = new Half[Columns];
        _view.SafeMemoryMappedViewHandle.ReadSpan((ulong)(_first + ((long)row * Columns * sizeof(ushort))), halves.AsSpan());
        var values = new float[Columns];
        TensorPrimitives.ConvertToSingle(halves, values);
        return values;
    }

    public void Dispose()
    {
        _view.Dispose();
        _mapped.Dispose();
    }
}
