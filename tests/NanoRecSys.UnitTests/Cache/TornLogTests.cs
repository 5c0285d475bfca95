using System.Buffers.Binary;
using NanoRecSys.Cache;

namespace NanoRecSys.UnitTests.Cache;

public sealed class TornLogTests : FolderTests
{
    private const int FirstAddress = 64;

    [Fact]
    public void Only_a_truncated_commit_record_is_removed()
    {
        byte[] whole = [.. Record(5, [1, 2, 3, 4, 5, 0, 0, 0]), .. Record(-40, Commit(until: 120))];
        Write([.. whole, .. Record(-40, [1, 0, 0, 0])]);

        Assert.True(TornLog.Repair(Folder.Path));
        Assert.Equal([.. new byte[FirstAddress], .. whole, .. new byte[8]], File.ReadAllBytes(LogFile()));
        Assert.False(TornLog.Repair(Folder.Path));
    }

    [Fact]
    public void A_whole_log_stays_as_it_is()
    {
        Write([.. Record(-40, Commit(until: 108)), .. Record(3, [1, 2, 3, 0]), .. Record(-40, Commit(until: 160)), .. new byte[300]]);
        byte[] before = File.ReadAllBytes(LogFile());

        Assert.False(TornLog.Repair(Folder.Path));
        Assert.Equal(before, File.ReadAllBytes(LogFile()));
    }

    [Fact]
    public void Other_records_and_files_of_other_programs_are_left_unchanged()
    {
        Write([.. Record(1_000_000_000, [9, 9, 9, 9]), .. Record(-40, new byte[40])]);
        byte[] before = File.ReadAllBytes(LogFile());

        Assert.False(TornLog.Repair(Folder.Path));
        Assert.Equal(before, File.ReadAllBytes(LogFile()));
    }

    [Fact]
    public void A_folder_without_a_log_is_left_unchanged() => Assert.False(TornLog.Repair(Folder.Path));

    // Garnet's layout: the log from its first address on, and a file with the address up to which it was committed.
    private void Write(byte[] records)
    {
        Directory.CreateDirectory(Path.Combine(Folder.Path, "AOF", "log-commits"));
        byte[] commit = [.. Length(40), .. Commit(until: FirstAddress), .. new byte[468]];
        File.WriteAllBytes(Path.Combine(Folder.Path, "AOF", "log-commits", "commit.7.0"), commit);
        File.WriteAllBytes(LogFile(), [.. new byte[FirstAddress], .. records]);
    }

    private string LogFile() => Path.Combine(Folder.Path, "AOF", "aof.log.0");

    private static byte[] Record(int length, byte[] body) => [.. Length(length), .. body];

    private static byte[] Length(int length)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, length);
        return bytes;
    }

    private static byte[] Commit(long until)
    {
        const long Begin = FirstAddress, Number = 7;
        byte[] bytes = new byte[40];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, 1);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(4), Begin ^ until ^ Number ^ -1);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(12), Begin);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(20), until);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(28), Number);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(36), -1);
        return bytes;
    }
}
