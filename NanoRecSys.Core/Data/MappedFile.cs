using System.Buffers;
using System.IO.MemoryMappedFiles;

namespace NanoRecSys.Core.Data;

/// <summary>A file's numbers as read-only memory that the system pages in where they are read.</summary>
/// <remarks>
/// It stays mapped until the process ends: a span does not keep alive what it points to, so an unmapping by the
/// garbage collector could pull the memory from under one. It costs address space, not memory.
/// </remarks>
internal sealed unsafe class MappedFile
{
    private readonly byte* _bytes;
    private readonly long _length;

    /// <param name="file">Not empty; may be closed afterwards.</param>
    public MappedFile(FileStream file)
    {
        _length = file.Length;
        using var mapped = MemoryMappedFile.CreateFromFile(file, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
        MemoryMappedViewAccessor view = mapped.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref _bytes); // Never released: see above.
        _bytes += view.PointerOffset;
    }

    /// <param name="offset">In bytes; need not be aligned, which formats with odd headers cannot offer.</param>
    /// <param name="count">Numbers.</param>
    public ReadOnlyMemory<T> Column<T>(long offset, int count)
        where T : unmanaged
    {
        if (offset < 0 || offset + (long)count * sizeof(T) > _length)
        {
            throw new ArgumentOutOfRangeException(nameof(offset), $"{count} numbers of {sizeof(T)} bytes at {offset} do not lie in {_length} bytes.");
        }

        return new MappedColumn<T>((T*)(_bytes + offset), count).Memory;
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
