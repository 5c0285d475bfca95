using System.Buffers.Text;
using System.Net.Sockets;
using System.Text;

namespace NanoRecSys.Benchmarks.Load;

/// <param name="Status">HTTP's.</param>
/// <param name="Cached">Whether the cache answered.</param>
/// <param name="Degraded">Whether popular movies stood in.</param>
internal readonly record struct Reply(int Status, bool Cached, bool Degraded);

/// <summary>
/// One kept connection, HTTP/1.1, a request at a time, by blocking calls: on two cores that the service shares, each
/// microsecond of the generator is one that the service does not have. This takes about 20 of them, mostly the kernel's.
/// </summary>
internal sealed class HttpConnection(Uri url) : IDisposable
{
    private const int Patience = 30_000; // ms without a byte

    private byte[] _buffer = new byte[16 * 1024];
    private int _filled;
    private Socket? _socket;

    private static ReadOnlySpan<byte> HeadEnd => "\r\n\r\n"u8;

    private static ReadOnlySpan<byte> LastChunk => "\r\n0\r\n\r\n"u8;

    /// <summary>Sends a whole request and reads its answer to the end.</summary>
    /// <exception cref="SocketException">The connection broke; the next call makes another.</exception>
    /// <exception cref="InvalidDataException">The answer is no HTTP that this reads.</exception>
    public Reply Ask(ReadOnlySpan<byte> request)
    {
        try
        {
            _socket ??= Connect();
            while (!request.IsEmpty)
            {
                request = request[_socket.Send(request)..];
            }

            return ReadReply();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _socket?.Dispose();
        _socket = null;
    }

    private Socket Connect()
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = Patience, SendTimeout = Patience };
        socket.Connect(url.Host, url.Port);
        return socket;
    }

    private Reply ReadReply()
    {
        _filled = 0;
        int head;
        while ((head = _buffer.AsSpan(0, _filled).IndexOf(HeadEnd)) < 0)
        {
            Receive();
        }

        head += HeadEnd.Length;
        int? length = Head.Length(_buffer.AsSpan(0, head));
        // An answer without a length comes in chunks, the last of which is empty; a text in JSON holds no line break.
        while (length is { } known ? _filled < head + known : !_buffer.AsSpan(head, _filled - head).EndsWith(LastChunk))
        {
            Receive();
        }

        ReadOnlySpan<byte> body = _buffer.AsSpan(head, _filled - head);
        return new Reply(
            Head.Status(_buffer),
            Says(body, "\"served_from_cache\":true"u8) || Says(body, "\"served_from_cache\": true"u8),
            Says(body, "\"mode\":\"degraded\""u8) || Says(body, "\"mode\": \"degraded\""u8));
    }

    private static bool Says(ReadOnlySpan<byte> body, ReadOnlySpan<byte> text) => body.IndexOf(text) >= 0;

    private void Receive()
    {
        if (_filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        int received = _socket!.Receive(_buffer.AsSpan(_filled));
        _filled += received > 0 ? received : throw new SocketException((int)SocketError.ConnectionReset);
    }

    private static class Head
    {
        public static int Status(ReadOnlySpan<byte> head) =>
            head.StartsWith("HTTP/1.1 "u8) && Utf8Parser.TryParse(head[9..12], out int status, out _)
                ? status
                : throw new InvalidDataException($"'{Encoding.ASCII.GetString(head[..Math.Min(20, head.Length)])}' is no answer of HTTP/1.1.");

        /// <returns>The body's; null where it comes in chunks.</returns>
        public static int? Length(ReadOnlySpan<byte> head)
        {
            foreach (Range range in head.Split("\r\n"u8))
            {
                ReadOnlySpan<byte> line = head[range];
                int colon = line.IndexOf((byte)':');
                if (colon > 0 && Ascii.EqualsIgnoreCase(line[..colon], "content-length"u8))
                {
                    return Utf8Parser.TryParse(line[(colon + 1)..].TrimStart((byte)' '), out int length, out _) ? length : throw new InvalidDataException("content-length is no number.");
                }
            }

            return null;
        }
    }
}
