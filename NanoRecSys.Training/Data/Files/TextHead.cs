using System.IO.Compression;
using System.Text.Unicode;

namespace NanoRecSys.Training.Data.Files;

/// <summary>Examines text files before DuckDB reads them: their encoding, their first lines, and the line of a row.</summary>
internal static class TextHead
{
    private const int HeadBytes = 1 << 16;
    private const int HeadLines = 200;
    private static readonly Encoding Windows1252 = CodePagesEncodingProvider.Instance.GetEncoding(1252)!;

    private static ReadOnlySpan<byte> GzipMagic => [0x1F, 0x8B];

    public static ReadOnlySpan<byte> ZstdMagic => [0x28, 0xB5, 0x2F, 0xFD];

    /// <summary>The compression option for DuckDB, which otherwise goes by the lower-case extension.</summary>
    public static string Compression(DataFile file) => $"compression = '{(file.StartsWith(GzipMagic) ? "gzip" : "uncompressed")}'";

    /// <summary>The contents of a gz file; any other file as is.</summary>
    public static Stream Open(DataFile file)
    {
        FileStream stream = file.Open();
        return file.StartsWith(GzipMagic) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    /// <summary>Whether a zst file (RFC 8878) has all its frames and blocks: DuckDB accepts a truncated file as complete.</summary>
    public static bool IsWholeZstd(DataFile file)
    {
        using FileStream stream = file.Open();
        using var reader = new BinaryReader(stream);
        try
        {
            while (stream.Position < stream.Length)
            {
                if (reader.ReadUInt32() >> 4 == 0x184D2A5) // a skippable frame
                {
                    uint size = reader.ReadUInt32();
                    stream.Position += size;
                    continue;
                }

                int descriptor = reader.ReadByte();
                bool isSingle = (descriptor & 0x20) != 0;
                int dictionary = (descriptor & 3) == 3 ? 4 : descriptor & 3;
                int length = (descriptor >> 6) switch { 0 => isSingle ? 1 : 0, 1 => 2, 2 => 4, _ => 8 };
                stream.Position += (isSingle ? 0 : 1) + dictionary + length;
                int block;
                do
                {
                    block = reader.ReadUInt16() | (reader.ReadByte() << 16);
                    stream.Position += ((block >> 1) & 3) == 1 ? 1 : block >> 3; // one repeated byte, or as many bytes as stated
                }
                while ((block & 1) == 0);

                stream.Position += (descriptor & 4) != 0 ? 4 : 0; // checksum
            }

            return stream.Position == stream.Length;
        }
        catch (EndOfStreamException)
        {
            return false;
        }
    }

    /// <summary>The file as DuckDB reads it: the file itself, or a copy in UTF-8 (lines that are not UTF-8 are read as Windows-1252), without a mix of LF and
    /// CRLF, which stops DuckDB, and without a byte order mark before JSON, which DuckDB reports as a bad row. No line is overlong.</summary>
    /// <exception cref="InvalidDataException">A damaged gz file.</exception>
    public static DataFile InUtf8(DataFile file, Lazy<string> folder, ICollection<string> notes, out long all)
    {
        long recoded = 0;
        bool isMarkedJson = false;
        ByteLines lines = Scan(file, line =>
        {
            recoded += Utf8.IsValid(line) ? 0 : 1;
            isMarkedJson |= line.StartsWith("{"u8);
        });
        isMarkedJson &= lines.HasMark;
        all = lines.Number;
        if (recoded > 0)
        {
            notes.Add($"{recoded:N0} of {all:N0} lines of {file.Name} are not UTF-8 and were read as Windows-1252.");
        }
        else if (!lines.HasMixedEnds && !isMarkedJson)
        {
            return file;
        }

        string copy = Path.Combine(folder.Value, $"{Guid.NewGuid():N}-{Path.GetFileNameWithoutExtension(file.Path)}.txt");
        using var writer = new StreamWriter(copy);
        Scan(file, line =>
        {
            writer.Write(Decode(line));
            writer.Write('\n');
        });
        return new DataFile(copy, file.Name);
    }

    /// <summary>The first complete lines, including blank ones.</summary>
    public static IReadOnlyList<string> Lines(DataFile file)
    {
        using Stream stream = Open(file);
        byte[] head = new byte[HeadBytes];
        int length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var lines = new List<string>();
        var reader = new ByteLines(new MemoryStream(head, 0, length), file.Name);
        while (lines.Count < HeadLines && reader.TryRead(out ReadOnlySpan<byte> line))
        {
            lines.Add(Decode(line));
        }

        if (lines.Count > 1 && reader.Position == head.Length)
        {
            lines.RemoveAt(lines.Count - 1); // cut off
        }

        return lines;
    }

    /// <summary>Text of one line: UTF-8, else Windows-1252, which includes Latin-1. No accented text in these encodings is
    /// valid UTF-8; so a file of mixed encodings keeps all its titles.</summary>
    public static string Decode(ReadOnlySpan<byte> line) => (Utf8.IsValid(line) ? Encoding.UTF8 : Windows1252).GetString(line);

    /// <summary>The 1-based line numbers of positions in a file.</summary>
    /// <param name="positions">1-based byte positions, ascending.</param>
    public static long[] LinesAt(DataFile file, long[] positions)
    {
        long[] lines = new long[positions.Length];
        using Stream stream = Open(file);
        byte[] buffer = new byte[HeadBytes];
        (long passed, long line, int next) = (0, 1, 0);
        for (int read; next < positions.Length && (read = stream.Read(buffer)) > 0; passed += read)
        {
            int from = 0;
            for (; next < positions.Length && positions[next] - 1 <= passed + read; next++)
            {
                int to = (int)(positions[next] - 1 - passed);
                line += buffer.AsSpan(from, to - from).Count((byte)'\n');
                (lines[next], from) = (line, to);
            }

            line += buffer.AsSpan(from, read - from).Count((byte)'\n');
        }

        return lines;
    }

    /// <summary>The 1-based line of a row, and its text, for a message; counts records from the start.</summary>
    /// <param name="row">0-based, among the rows that could be parsed.</param>
    public static (long Line, string Text) Find(DataFile file, long skipped, long row, bool quoted, IReadOnlySet<long> rejected)
    {
        using Stream stream = Open(file);
        var lines = new ByteLines(stream, file.Name);
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            if (lines.Number <= skipped || line.Trim((byte)' ').IsEmpty)
            {
                continue;
            }

            long first = lines.Number;
            string text = Decode(line);
            int quotes = line.Count((byte)'"');
            while (quoted && quotes % 2 == 1 && lines.TryRead(out line))
            {
                quotes += line.Count((byte)'"');
                text += ' ' + Decode(line);
            }

            if (!rejected.Contains(first) && row-- == 0)
            {
                return (first, text);
            }
        }

        return (lines.Number, "");
    }

    private static ByteLines Scan(DataFile file, Action<ReadOnlySpan<byte>> visit)
    {
        using Stream stream = Open(file);
        var lines = new ByteLines(stream, file.Name);
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            visit(line);
        }

        return lines;
    }
}

/// <param name="Name">Its name in messages; for an unpacked file, its path in the archive.</param>
internal sealed record DataFile(string Path, string Name)
{
    public static implicit operator DataFile(string path) => new(path, path);

    public FileStream Open() => SmallFile.IsEmptyOrPipe(Path)
        ? throw new UserErrorException($"{Name} is empty or not a regular file.")
        : new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);

    public bool StartsWith(ReadOnlySpan<byte> magic)
    {
        using FileStream stream = Open();
        Span<byte> first = stackalloc byte[magic.Length];
        return stream.ReadAtLeast(first, first.Length, throwOnEndOfStream: false) == first.Length && first.SequenceEqual(magic);
    }
}

/// <summary>Lines of a stream as bytes, without line endings (LF or CRLF), and without allocations per line.</summary>
internal sealed class ByteLines(Stream stream, string name)
{
    private const int LongestLine = 1 << 20; // Rows take tens of bytes; a longer line means another kind of file.
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private readonly byte[] _buffer = new byte[LongestLine];
    private int _start;
    private int _end;
    private bool _streamEnded;
    private bool _hasFeeds;
    private bool _hasReturns;

    /// <summary>1-based number of the last line read.</summary>
    public long Number { get; private set; }

    /// <summary>Whether the stream begins with UTF-8's byte order mark.</summary>
    public bool HasMark { get; private set; }

    /// <summary>Whether the lines read so far mix LF and CRLF.</summary>
    public bool HasMixedEnds => _hasFeeds && _hasReturns;

    /// <summary>Bytes of the stream up to the end of the last line read.</summary>
    public long Position { get; private set; }

    public bool TryRead(out ReadOnlySpan<byte> line)
    {
        int length;
        while ((length = _buffer.AsSpan(_start, _end - _start).IndexOf((byte)'\n')) < 0 && !_streamEnded)
        {
            Refill();
        }

        bool isLast = length < 0;
        length = isLast ? _end - _start : length;
        line = _buffer.AsSpan(_start, length);
        int consumed = isLast ? length : length + 1;
        if (consumed == 0)
        {
            return false;
        }

        _start += consumed;
        Position += consumed;
        Number++;
        if (Number == 1)
        {
            HasMark = line.StartsWith(ByteOrderMark);
            line = HasMark ? line[ByteOrderMark.Length..] : line;
            UserErrorException.ThrowIf(line is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..], $"{name} is encoded as UTF-16. Save it as UTF-8.");
        }

        bool hasReturn = line.EndsWith("\r"u8);
        _hasReturns |= hasReturn && !isLast;
        _hasFeeds |= !hasReturn && !isLast;
        line = hasReturn ? line[..^1] : line;
        return true;
    }

    private void Refill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        UserErrorException.ThrowIf(_end == _buffer.Length, $"{name}, line {Number + 1}: longer than {LongestLine:N0} bytes. Rows must end with LF or CRLF.");

        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _streamEnded = read == 0;
    }
}
