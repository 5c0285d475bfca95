using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Data;

/// <summary>
/// Reads and writes <c>histories.bin</c>, little-endian: magic "NRSH", version (int32), users U (int32), flags
/// (int32; 1: it has times), interactions N (int64), offsets int64[U + 1], times int64[N] if it has them, user ids
/// int32[U], item rows int32[N].
/// </summary>
public static class HistoriesFile
{
    private const int ColumnChunk = 1 << 20; // The bytes of a whole column may be more than one span can count.

    public static void Write(string path, UserHistories histories)
    {
        ArgumentNullException.ThrowIfNull(histories);
        Span<byte> header = stackalloc byte[HistoriesLayout.HeaderBytes];
        new HistoriesLayout(histories.UserCount, (int)histories.InteractionCount, histories.HasTimes).Write(header);
        using FileStream file = File.Create(path);
        file.Write(header);
        WriteColumn(file, histories.Offsets);
        WriteColumn(file, histories.Times);
        WriteColumn(file, histories.UserIds);
        WriteColumn(file, histories.Items);
    }

    /// <summary>Reads all of it into memory of its own.</summary>
    /// <exception cref="InvalidDataException">Not such a file, another version, or fields that contradict each other.</exception>
    public static UserHistories Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        HistoriesLayout layout = HistoriesLayout.Read(file, path);
        long[] offsets = ReadColumn<long>(file, layout.Users + 1);
        long[] times = ReadColumn<long>(file, layout.HasTimes ? layout.Interactions : 0);
        int[] userIds = ReadColumn<int>(file, layout.Users);
        int[] items = ReadColumn<int>(file, layout.Interactions);
        return Create(path, userIds, offsets, items, times);
    }

    /// <summary>
    /// Maps it: the system pages in what is read and drops it under pressure, so that neither the start nor the
    /// process's memory grows with the data. The file must not be cut while it is mapped; replacing it is safe.
    /// </summary>
    /// <inheritdoc cref="Read" path="/exception"/>
    public static UserHistories Map(string path)
    {
        using FileStream file = File.OpenRead(path);
        HistoriesLayout layout = HistoriesLayout.Read(file, path);
        MappedFile mapped = new(file);
        return Create(
            path,
            mapped.Column<int>(layout.UserIds, layout.Users),
            mapped.Column<long>(HistoriesLayout.Offsets, layout.Users + 1),
            mapped.Column<int>(layout.Items, layout.Interactions),
            mapped.Column<long>(layout.Times, layout.HasTimes ? layout.Interactions : 0));
    }

    private static UserHistories Create(
        string path, ReadOnlyMemory<int> userIds, ReadOnlyMemory<long> offsets, ReadOnlyMemory<int> items, ReadOnlyMemory<long> times)
    {
        try
        {
            return new UserHistories(userIds, offsets, items, times);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    private static T[] ReadColumn<T>(FileStream file, int count)
        where T : unmanaged
    {
        var column = new T[count];
        for (int start = 0; start < count; start += ColumnChunk)
        {
            file.ReadExactly(MemoryMarshal.AsBytes(column.AsSpan(start, Math.Min(ColumnChunk, count - start))));
        }

        return column;
    }

    private static void WriteColumn<T>(FileStream file, ReadOnlySpan<T> column)
        where T : unmanaged
    {
        for (int start = 0; start < column.Length; start += ColumnChunk)
        {
            file.Write(MemoryMarshal.AsBytes(column.Slice(start, Math.Min(ColumnChunk, column.Length - start))));
        }
    }
}
