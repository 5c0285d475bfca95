using System.Buffers.Binary;

namespace NanoRecSys.Core.Data;

/// <summary>The header of <c>histories.bin</c>, and where the columns stand that it announces.</summary>
/// <param name="Users">U</param>
/// <param name="Interactions">N</param>
/// <param name="HasTimes">Whether the times' column is there.</param>
internal readonly record struct HistoriesLayout(int Users, int Interactions, bool HasTimes)
{
    public const int HeaderBytes = 24; // A multiple of eight: every column is aligned to its own numbers.
    public const long Offsets = HeaderBytes;
    private const int Version = 2;
    private const int TimesFlag = 1;

    public long Times => Offsets + sizeof(long) * (Users + 1L);

    public long UserIds => Times + (HasTimes ? sizeof(long) * (long)Interactions : 0);

    public long Items => UserIds + sizeof(int) * (long)Users;

    private long End => Items + sizeof(int) * (long)Interactions;

    private static ReadOnlySpan<byte> Magic => "NRSH"u8;

    public void Write(Span<byte> header)
    {
        Magic.CopyTo(header);
        BinaryPrimitives.WriteInt32LittleEndian(header[4..], Version);
        BinaryPrimitives.WriteInt32LittleEndian(header[8..], Users);
        BinaryPrimitives.WriteInt32LittleEndian(header[12..], HasTimes ? TimesFlag : 0);
        BinaryPrimitives.WriteInt64LittleEndian(header[16..], Interactions);
    }

    /// <param name="file">Stands at its beginning.</param>
    /// <param name="path">For the message.</param>
    /// <exception cref="InvalidDataException">Not such a file, another version, or a size that its header belies.</exception>
    public static HistoriesLayout Read(FileStream file, string path)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        int there = file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false);
        if (there < HeaderBytes)
        {
            throw new InvalidDataException($"{path}: {there} bytes are too few for a histories file.");
        }

        int version = BinaryPrimitives.ReadInt32LittleEndian(header[4..]);
        if (!header[..4].SequenceEqual(Magic) || version != Version)
        {
            throw new InvalidDataException($"{path}: not a histories file of version {Version}. Make it again ('prepare' or 'publish').");
        }

        int users = BinaryPrimitives.ReadInt32LittleEndian(header[8..]);
        int flags = BinaryPrimitives.ReadInt32LittleEndian(header[12..]);
        long interactions = BinaryPrimitives.ReadInt64LittleEndian(header[16..]);
        if (users < 0 || interactions is < 0 or > int.MaxValue || (flags & ~TimesFlag) != 0)
        {
            throw new InvalidDataException($"{path}: {users} users, {interactions} interactions, flags {flags}: a damaged header.");
        }

        var layout = new HistoriesLayout(users, (int)interactions, flags == TimesFlag);
        return layout.End == file.Length
            ? layout
            : throw new InvalidDataException($"{path}: {users} users and {interactions} interactions need {layout.End} bytes, the file has {file.Length}.");
    }
}
