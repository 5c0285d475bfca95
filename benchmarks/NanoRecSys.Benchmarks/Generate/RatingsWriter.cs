using System.Buffers.Text;

namespace NanoRecSys.Benchmarks.Generate;

/// <summary><c>ratings.csv</c>, row by row, into a large buffer: 20 million rows must not cost a string each.</summary>
internal sealed class RatingsWriter : IDisposable
{
    private const int LongestRow = 64;
    private readonly FileStream _file;
    private readonly byte[] _buffer = new byte[1 << 20];
    private int _used;

    public RatingsWriter(string path)
    {
        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        _file.Write("userId,movieId,rating,timestamp\n"u8);
    }

    /// <param name="user">Id.</param>
    /// <param name="movie">Id.</param>
    /// <param name="halfStars">1 to 10.</param>
    /// <param name="time">Seconds since 1970.</param>
    public void Write(int user, int movie, int halfStars, long time)
    {
        if (_buffer.Length - _used < LongestRow)
        {
            Flush();
        }

        Number(user, ',');
        Number(movie, ',');
        Number(halfStars / 2, '.');
        Number(halfStars % 2 * 5, ',');
        Number(time, '\n');
    }

    public void Dispose()
    {
        Flush();
        _file.Dispose();
    }

    private void Number(long value, char end)
    {
        Utf8Formatter.TryFormat(value, _buffer.AsSpan(_used), out int written);
        _used += written;
        _buffer[_used++] = (byte)end;
    }

    private void Flush()
    {
        _file.Write(_buffer, 0, _used);
        _used = 0;
    }
}
