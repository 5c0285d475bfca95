namespace NanoRecSys.Training.Data;

/// <summary>Lines of a stream as bytes, without their line ends (LF or CRLF) and without garbage per line.</summary>
internal sealed class ByteLines(Stream stream)
{
    private const int InitialBuffer = 1 << 20;
    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    private byte[] _buffer = new byte[InitialBuffer];
    private int _start;
    private int _end;
    private bool _streamEnded;

    /// <summary>1-based number of the line that was read last.</summary>
    public long Number { get; private set; }

    /// <summary>Bytes of the stream up to the end of the line that was read last.</summary>
    public long Position { get; private set; }

    /// <param name="line">Valid until the next call.</param>
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
        line = Number == 1 && line.StartsWith(ByteOrderMark) ? line[ByteOrderMark.Length..] : line;
        line = line.EndsWith("\r"u8) ? line[..^1] : line;
        return true;
    }

    private void Refill()
    {
        _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
        (_start, _end) = (0, _end - _start);
        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, checked(_buffer.Length * 2));
        }

        int read = stream.Read(_buffer, _end, _buffer.Length - _end);
        _end += read;
        _streamEnded = read == 0;
    }
}
