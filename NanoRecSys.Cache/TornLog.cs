using System.Buffers.Binary;

namespace NanoRecSys.Cache;

/// <summary>
/// Removes an incomplete commit record from the end of Garnet's append-only log before Garnet 2.2.8 reads it: that version
/// interprets the record's zeros as a log address and starts with an empty log, losing everything since the last checkpoint.
/// Nothing in or after such a record was acknowledged. Everything else is left unchanged.
/// </summary>
internal static class TornLog
{
    private const int HeaderBytes = 4; // a record's length, negative for a commit
    private const int CommitBytes = 40; // version, checksum, begin, until, number, cookie length (cookies are not used here)
    private const int PageBytes = 8 << 20; // --aof-page-size; no record spans two pages
    private const int SegmentBytes = 64 << 20; // --aof-segment-size

    public static bool Repair(string folder)
    {
        string log = Path.Combine(folder, "AOF");
        if (CommittedUntil(Path.Combine(log, "log-commits")) is not { } address)
        {
            return false;
        }

        while (File.Exists(SegmentOf(log, address)))
        {
            using FileStream file = new(SegmentOf(log, address), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            long segment = address / SegmentBytes * SegmentBytes;
            if (FindTorn(file, ref address, segment) is { } torn)
            {
                file.Position = torn - segment;
                file.Write(new byte[file.Length - file.Position]);
                file.Flush(flushToDisk: true);
                return true;
            }

            if (address < segment + SegmentBytes)
            {
                return false; // end of the log
            }
        }

        return false;
    }

    /// <returns>The log's end address in the newest readable commit file.</returns>
    private static long? CommittedUntil(string commits)
    {
        if (!Directory.Exists(commits))
        {
            return null;
        }

        foreach (string path in Directory.EnumerateFiles(commits).OrderByDescending(path => long.TryParse(path.Split('.')[^2], out long number) ? number : -1))
        {
            byte[] bytes = File.ReadAllBytes(path);
            if (bytes.Length >= HeaderBytes + CommitBytes && IsWhole(bytes.AsSpan(HeaderBytes, CommitBytes)))
            {
                return BinaryPrimitives.ReadInt64LittleEndian(bytes.AsSpan(HeaderBytes + 20));
            }
        }

        return null;
    }

    // Walks from record to record; afterwards address is the end of the segment or of the log.
    private static long? FindTorn(FileStream file, ref long address, long segment)
    {
        Span<byte> header = stackalloc byte[HeaderBytes];
        Span<byte> commit = stackalloc byte[CommitBytes];
        while (address < segment + SegmentBytes)
        {
            file.Position = address - segment;
            if (file.ReadAtLeast(header, HeaderBytes, throwOnEndOfStream: false) < HeaderBytes)
            {
                return null;
            }

            int length = BinaryPrimitives.ReadInt32LittleEndian(header);
            if (length == 0)
            {
                address = (address / PageBytes + 1) * PageBytes; // skip the rest of the page
                continue;
            }

            if (length is < -CommitBytes or > PageBytes)
            {
                return null;
            }

            if (length == -CommitBytes)
            {
                commit.Clear();
                file.ReadAtLeast(commit, CommitBytes, throwOnEndOfStream: false);
                if (!IsWhole(commit))
                {
                    return address;
                }
            }

            address += HeaderBytes + (Math.Abs(length) + 3) / 4 * 4;
        }

        return null;
    }

    private static bool IsWhole(ReadOnlySpan<byte> commit)
    {
        long checksum = BinaryPrimitives.ReadInt64LittleEndian(commit[4..]);
        long begin = BinaryPrimitives.ReadInt64LittleEndian(commit[12..]);
        long until = BinaryPrimitives.ReadInt64LittleEndian(commit[20..]);
        long number = BinaryPrimitives.ReadInt64LittleEndian(commit[28..]);
        int cookie = BinaryPrimitives.ReadInt32LittleEndian(commit[36..]);
        return until > 0 && checksum == (begin ^ until ^ number ^ cookie);
    }

    private static string SegmentOf(string log, long address) => Path.Combine(log, $"aof.log.{address / SegmentBytes}");
}
