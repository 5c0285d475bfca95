using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace NanoRecSys.Core.Data;

/// <summary>A file's numbers as read-only memory that the system pages in on access.</summary>
/// <remarks>
/// The file stays mapped until it is disposed, or else until the process ends: a span does not keep its memory alive, so
/// unmapping by the garbage collector could invalidate a span in use. This costs address space, not memory.
/// If it may be disposed, its columns must be read only under a <see cref="Hold"/>.
/// </remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly SafeMemoryMappedViewHandle _view;
    private readonly byte* _bytes;
    private readonly long _length;
    private int _disposed;

    /// <param name="file">Not empty; may be closed afterwards.</param>
    public MappedFile(FileStream file)
    {
        _length = file.Length;
        using var mapped = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor view = mapped.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        _view = view.SafeMemoryMappedViewHandle;
        _view.AcquirePointer(ref _bytes); // ensures that only Dispose unmaps it
        _bytes += view.PointerOffset;
    }

    /// <summary>Keeps the file mapped until the returned lease is disposed.</summary>
    /// <exception cref="ObjectDisposedException">The file is already disposed.</exception>
    public Lease Hold()
    {
        bool isHeld = false;
        _view.DangerousAddRef(ref isHeld);
        return new Lease(_view);
    }

    /// <summary>Unmaps the file when nobody holds it.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) == 0)
        {
            _view.ReleasePointer();
            _view.Dispose();
        }
    }

    /// <param name="offset">In bytes; need not be aligned, because formats with odd headers cannot guarantee that.</param>
    public ReadOnlyMemory<T> Column<T>(long offset, int count)
        where T : unmanaged
    {
        if (offset < 0 || offset + (long)count * sizeof(T) > _length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{count} numbers of {sizeof(T)} bytes at {offset} are not within {_length} bytes.");
        }

        return new MappedColumn<T>((T*)(_bytes + offset), count).Memory;
    }

    /// <param name="view">Null if nothing is mapped.</param>
    public readonly struct Lease(SafeMemoryMappedViewHandle? view) : IDisposable
    {
        public void Dispose() => view?.DangerousRelease();
    }

    private sealed class MappedColumn<T>(T* first, int count) : MemoryManager<T>
        where T : unmanaged
    {
        public override Span<T> GetSpan() => new(first, count);

        public override MemoryHandle Pin(int elementIndex = 0) => new(first + elementIndex); // Mapped memory does not move.

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}

/// <summary>Columns of numbers in a file.</summary>
/// <param name="mapped">The file if its columns are to stay in it; null to read them into memory.</param>
internal sealed class FileColumns(FileStream file, MappedFile? mapped)
{
    private const int Chunk = 1 << 20; // a whole column may have more bytes than one span can hold

    /// <param name="offset">In bytes.</param>
    public ReadOnlyMemory<T> Read<T>(long offset, int count)
        where T : unmanaged
    {
        if (mapped is not null)
        {
            return mapped.Column<T>(offset, count);
        }

        file.Position = offset;
        var column = new T[count];
        for (int start = 0; start < count; start += Chunk)
        {
            file.ReadExactly(MemoryMarshal.AsBytes(column.AsSpan(start, Math.Min(Chunk, count - start))));
        }

        return column;
    }

    public static void Write<T>(FileStream file, ReadOnlySpan<T> column)
        where T : unmanaged
    {
        for (int start = 0; start < column.Length; start += Chunk)
        {
            file.Write(MemoryMarshal.AsBytes(column.Slice(start, Math.Min(Chunk, column.Length - start))));
        }
    }
}
