using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace NanoRecSys.Core.Data;

/// <summary>
/// Reads and writes <c>histories.bin</c>, little-endian: magic "NRSH", version (int32), users U (int32),
/// interactions N (int64), user ids int32[U], offsets int64[U + 1], item rows int32[N].
/// </summary>
public static class HistoriesFile
{
    private const int Version = 1;
    private const int HeaderBytes = 20;
    private static ReadOnlySpan<byte> Magic => "NRSH"u8;

    public static void Write(string path, UserHistories histories)
    {
        ArgumentNullException.ThrowIfNull(histories);
        Span<byte> header = stackalloc byte[HeaderBytes];
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], histories.UserCount);
        BinaryPrimitives.WriteInt64LittleEndian(header[12..], histories.InteractionCount);

        using FileStream file = File.Create(path);
        file.Write(header);
        file.Write(MemoryMarshal.AsBytes(histories.UserIds));
        file.Write(MemoryMarshal.AsBytes(histories.Offsets));
        file.Write(MemoryMarshal.AsBytes(histories.Items));
    }

    /// <exception cref="InvalidDataException">Not such a file, another version, or a size that its header belies.</exception>
    public static UserHistories Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> header = stackalloc byte[HeaderBytes];
        if (file.Length < HeaderBytes)
        {
            throw new InvalidDataException($"{path}: {file.Length} bytes are too few for a histories file.");
        }

        file.ReadExactly(header);
        int version = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        if (!header[..4].SequenceEqual(Magic) || version != Version)
        {
            throw new InvalidDataException($"{path}: not a histories file of version {Version}. Run 'publish' again.");
        }

        int users = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        long interactions = BinaryPrimitives.ReadInt64LittleEndian(header[12..]);
        long expected = HeaderBytes + 4L * users + 8L * (users + 1L) + 4L * interactions;
        if (users < 0 || interactions is < 0 or > int.MaxValue || expected != file.Length)
        {
            throw new InvalidDataException($"{path}: {users} users and {interactions} interactions need {expected} bytes, the file has {file.Length}.");
        }

        var userIds = new int[users];
        var offsets = new long[users + 1];
        var items = new int[interactions];
        file.ReadExactly(MemoryMarshal.AsBytes(userIds.AsSpan()));
        file.ReadExactly(MemoryMarshal.AsBytes(offsets.AsSpan()));
        file.ReadExactly(MemoryMarshal.AsBytes(items.AsSpan()));
        try
        {
            return new UserHistories(userIds, offsets, items);
        }
        catch (ArgumentException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}
