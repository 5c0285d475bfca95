using System.IO.Compression;
using System.Text.Unicode;

namespace NanoRecSys.Training.Data.Files;

/// <summary>Text files before DuckDB reads them: their encoding, their first lines, and the line of a row.</summary>
internal static class TextHead
{
    private const int HeadBytes = 1 << 16;
    private const int HeadLines = 200;

    /// <summary>A gz file's contents, any other file as it is.</summary>
    public static Stream Open(DataFile file)
    {
        FileStream stream = file.Open();
        return FileKind.IsGzip(file.Path) ? new GZipStream(stream, CompressionMode.Decompress) : stream;
    }

    /// <summary>The file in UTF-8, with LF or CRLF and lines of a normal length: the file itself, or a copy of which each line that is not UTF-8 was
    /// read as Windows-1252.</summary>
    /// <exception cref="InvalidDataException">A damaged gz file.</exception>
    public static DataFile InUtf8(DataFile file, Lazy<string> folder, ICollection<string> notes, out long all)
    {
        long recoded = 0;
        all = Scan(file, line => recoded += Utf8.IsValid(line) ? 0 : 1);
        if (recoded == 0)
        {
            return file;
        }

        notes.Add($"{recoded:N0} of {all:N0} lines of {file.Name} are not UTF-8 and were read as Windows-1252.");
        string copy = Path.Combine(folder.Value, $"{Guid.NewGuid():N}-{Path.GetFileNameWithoutExtension(file.Path)}.txt");
        using var writer = new StreamWriter(copy);
        Scan(file, line =>
        {
            writer.Write(LineText.Decode(line));
            writer.Write('\n');
        });
        return new DataFile(copy, file.Name);
    }

    /// <summary>The first lines, as far as they are whole; blank ones too.</summary>
    public static IReadOnlyList<string> Lines(DataFile file)
    {
        using Stream stream = Open(file);
        byte[] head = new byte[HeadBytes];
        int length = stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false);
        var lines = new List<string>();
        var reader = new ByteLines(new MemoryStream(head, 0, length), file.Name);
        while (lines.Count < HeadLines && reader.TryRead(out ReadOnlySpan<byte> line))
        {
            lines.Add(LineText.Decode(line));
        }

        if (lines.Count > 1 && reader.Position == head.Length)
        {
            lines.RemoveAt(lines.Count - 1); // cut off
        }

        return lines;
    }

    /// <summary>The 1-based lines of places in a file.</summary>
    /// <param name="positions">Bytes, from 1 on, ascending.</param>
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

    /// <summary>The 1-based line of a row, and its text, for a message: counts records from the beginning.</summary>
    /// <param name="row">0-based, among the rows that could be taken apart.</param>
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
            string text = LineText.Decode(line);
            int quotes = line.Count((byte)'"');
            while (quoted && quotes % 2 == 1 && lines.TryRead(out line))
            {
                quotes += line.Count((byte)'"');
                text += ' ' + LineText.Decode(line);
            }

            if (!rejected.Contains(first) && row-- == 0)
            {
                return (first, text);
            }
        }

        return (lines.Number, "");
    }

    private static long Scan(DataFile file, LineVisitor visit)
    {
        using Stream stream = Open(file);
        var lines = new ByteLines(stream, file.Name);
        while (lines.TryRead(out ReadOnlySpan<byte> line))
        {
            visit(line);
        }

        return lines.Number;
    }

    private delegate void LineVisitor(ReadOnlySpan<byte> line);
}

/// <param name="Name">What messages call it: of an unpacked file, its place in the archive.</param>
internal sealed record DataFile(string Path, string Name)
{
    public static implicit operator DataFile(string path) => new(path, path);

    public FileStream Open() => SmallFile.IsEmptyOrPipe(Path)
        ? throw new UserErrorException($"{Name} is empty or not a regular file.")
        : new FileStream(Path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1);
}

/// <summary>Lines of a stream as bytes, without their line ends (LF or CRLF) and without garbage per line.</summary>
internal sealed class ByteLines(Stream stream, string name)
{
    private const int LongestLine = 1 << 20; // Rows take tens of bytes: a longer line is of another kind of file.
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private readonly byte[] _buffer = new byte[LongestLine];
    private int _start;
    private int _end;
    private bool _streamEnded;

    /// <summary>1-based number of the line that was read last.</summary>
    public long Number { get; private set; }

    /// <summary>Bytes of the stream up to the end of the line that was read last.</summary>
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
            line = line.StartsWith(ByteOrderMark) ? line[ByteOrderMark.Length..] : line;
            UserErrorException.ThrowIf(line is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..], $"{name} is encoded as UTF-16. Save it as UTF-8.");
        }

        line = line.EndsWith("\r"u8) ? line[..^1] : line;
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

/// <summary>Text of a line, each line by itself: UTF-8, else Windows-1252, of which latin-1 is a part. No text with an accent in these encodings is
/// valid UTF-8, and a file of mixed origin keeps all its titles.</summary>
internal static class LineText
{
    private static readonly Encoding Windows1252 = CodePagesEncodingProvider.Instance.GetEncoding(1252)!;

    public static string Decode(ReadOnlySpan<byte> line) => (Utf8.IsValid(line) ? Encoding.UTF8 : Windows1252).GetString(line);
}
