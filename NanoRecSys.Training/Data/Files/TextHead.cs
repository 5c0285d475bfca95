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
