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
        byte[] commit = [.. BitConverter.GetBytes(40), .. Commit(until: FirstAddress), .. new byte[468]];
        File.WriteAllBytes(Path.Combine(Folder.Path, "AOF", "log-commits", "commit.7.0"), commit);
        File.WriteAllBytes(LogFile(), [.. new byte[FirstAddress], .. records]);
    }

    private string LogFile() => Path.Combine(Folder.Path, "AOF", "aof.log.0");

    private static byte[] Record(int length, byte[] body) => [.. BitConverter.GetBytes(length), .. body];

    private static byte[] Commit(long until)
    {
        const long Begin = FirstAddress, Number = 7;
        return
        [
            .. BitConverter.GetBytes(1), .. BitConverter.GetBytes(Begin ^ until ^ Number ^ -1), .. BitConverter.GetBytes(Begin),
            .. BitConverter.GetBytes(until), .. BitConverter.GetBytes(Number), .. BitConverter.GetBytes(-1),
        ];
    }
}
