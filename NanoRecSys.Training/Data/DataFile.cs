using System.Text.Unicode;

namespace NanoRecSys.Training.Data;

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
