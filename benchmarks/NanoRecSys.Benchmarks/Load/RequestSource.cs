using System.Buffers.Text;
using System.CommandLine.Parsing;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;

namespace NanoRecSys.Benchmarks.Load;

/// <summary>
/// The requests to send, as bytes. A cold request has a pair of user and K that was not requested before, so that no cache
/// contains it: every user with K = 10; if a data set has too few users, then with K = 11, and so on.
/// A hot request is a hot user's with K = 10; hot users are never used for cold ones.
/// </summary>
internal sealed class RequestSource
{
    private const int SmallestK = 10;
    private const int LargestK = 100;
    private const int MostHotUsers = 1000; // as in nanoRecSys' load scenario
    private const double HotShare = 0.7; // likewise

    private readonly Uri _url;
    private readonly EntityId[] _coldUsers;
    private readonly byte[][] _hot; // built once, since a hundred thousand are sent
    private readonly double _hotShare;
    private readonly int _firstCold;
    private long _colds;

    public RequestSource(Uri url, IReadOnlyList<EntityId> users, Scenario scenario, int seed)
    {
        _url = url;
        var random = new Random(seed);
        EntityId[] shuffled = [.. users];
        random.Shuffle(shuffled);
        // At most a third of the users are hot, so that cold ones remain in a small data set.
        int hot = Math.Clamp(shuffled.Length / 3, 1, MostHotUsers);
        _hot = Array.ConvertAll(shuffled[..hot], user => Request(user, SmallestK));
        _coldUsers = shuffled.Length > hot ? shuffled[hot..] : shuffled;
        _firstCold = random.Next(_coldUsers.Length);
        _hotShare = scenario switch { Scenario.Hot => 1, Scenario.Cold => 0, _ => HotShare };
    }

    /// <summary>Number of distinct cold requests; beyond that they repeat, and the report says so.</summary>
    public long ColdCapacity => (long)_coldUsers.Length * (LargestK - SmallestK + 1);

    public long ColdsSent => Interlocked.Read(ref _colds);
    public IReadOnlyList<byte[]> EveryHot => _hotShare > 0 ? _hot : []; // one per hot user, so that a warm-up covers all of them

    public byte[] Next(Random random)
    {
        if (random.NextDouble() < _hotShare)
        {
            return _hot[random.Next(_hot.Length)];
        }

        long cold = Interlocked.Increment(ref _colds) - 1;
        int k = SmallestK + (int)(cold / _coldUsers.Length % (LargestK - SmallestK + 1));
        return Request(_coldUsers[(cold + _firstCold) % _coldUsers.Length], k);
    }

    private byte[] Request(EntityId user, int k)
    {
        string body = $$"""{"user_id":{{JsonSerializer.Serialize(user)}},"k":{{k}}}""";
        return Encoding.ASCII.GetBytes(
            $"POST /recommend HTTP/1.1\r\nHost: {_url.Authority}\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }
}

internal static class Users
{
    private const int PageSize = 200; // the API's maximum
    private const int Enough = 200_000; // more than any run requests

    /// <exception cref="HttpRequestException">The API is unavailable, or has no model yet.</exception>
    public static async Task<EntityId[]> AllAsync(HttpClient http, CancellationToken cancellationToken)
    {
        var ids = new List<EntityId>();
        UserList page;
        do
        {
            page = await http.GetFromJsonAsync<UserList>(
                $"/users?limit={PageSize}&offset={ids.Count}", WireJson.Options, cancellationToken) ?? new UserList(0, []);
            ids.AddRange(page.Users.Select(user => user.UserId));
        }
        while (page.Users.Count > 0 && ids.Count < Math.Min(page.Total, Enough));

        return [.. ids];
    }
}

/// <summary>The option <c>--url</c> of commands that call a running API.</summary>
internal static class ApiAddress
{
    private const string Default = "http://localhost:5081";

    public static Option<Uri> CreateOption() => new("--url")
    {
        Description = "The API.",
        DefaultValueFactory = _ => new Uri(Default),
        CustomParser = Parse,
    };

    private static Uri? Parse(ArgumentResult result)
    {
        if (Uri.TryCreate(result.Tokens[0].Value, UriKind.Absolute, out Uri? url) && url.Scheme is "http")
        {
            return url;
        }

        result.AddError($"'{result.Tokens[0].Value}' is not an address such as {Default}.");
        return null;
    }
}

/// <param name="Degraded">Whether it contains popular movies instead.</param>
internal readonly record struct Reply(int Status, bool Cached, bool Degraded);

/// <summary>
/// One persistent HTTP/1.1 connection with blocking calls, one request at a time: on two cores shared with the service, each
/// microsecond of the generator is lost to the service. A request takes about 20, mostly in the kernel.
/// </summary>
internal sealed class HttpConnection(Uri url) : IDisposable
{
    private const int TimeoutMs = 30_000; // without a byte

    private byte[] _buffer = new byte[16 * 1024];
    private int _filled;
    private Socket? _socket;

    private static ReadOnlySpan<byte> HeadEnd => "\r\n\r\n"u8;
    private static ReadOnlySpan<byte> LastChunk => "\r\n0\r\n\r\n"u8;

    /// <summary>Sends a request and reads its whole response.</summary>
    /// <exception cref="SocketException">The connection broke; the next call opens another.</exception>
    /// <exception cref="InvalidDataException">The response is not the expected HTTP.</exception>
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
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveTimeout = TimeoutMs, SendTimeout = TimeoutMs };
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
        int? length = LengthOf(_buffer.AsSpan(0, head));
        // A response without a length is chunked and ends with an empty chunk; JSON strings contain no line breaks.
        while (length is { } known ? _filled < head + known : !_buffer.AsSpan(head, _filled - head).EndsWith(LastChunk))
        {
            Receive();
        }

        ReadOnlySpan<byte> body = _buffer.AsSpan(head, _filled - head);
        return new Reply(
            StatusOf(_buffer),
            Contains(body, "\"served_from_cache\":true"u8) || Contains(body, "\"served_from_cache\": true"u8),
            Contains(body, "\"mode\":\"degraded\""u8) || Contains(body, "\"mode\": \"degraded\""u8));
    }

    private static bool Contains(ReadOnlySpan<byte> body, ReadOnlySpan<byte> text) => body.IndexOf(text) >= 0;

    private void Receive()
    {
        if (_filled == _buffer.Length)
        {
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        int received = _socket!.Receive(_buffer.AsSpan(_filled));
        _filled += received > 0 ? received : throw new SocketException((int)SocketError.ConnectionReset);
    }

    private static int StatusOf(ReadOnlySpan<byte> head) =>
        head.StartsWith("HTTP/1.1 "u8) && Utf8Parser.TryParse(head[9..12], out int status, out _)
            ? status
            : throw new InvalidDataException($"'{Encoding.ASCII.GetString(head[..Math.Min(20, head.Length)])}' is not an HTTP/1.1 response.");

    /// <returns>Length of the body; null if it is chunked.</returns>
    private static int? LengthOf(ReadOnlySpan<byte> head)
    {
        foreach (Range range in head.Split("\r\n"u8))
        {
            ReadOnlySpan<byte> line = head[range];
            int colon = line.IndexOf((byte)':');
            if (colon > 0 && Ascii.EqualsIgnoreCase(line[..colon], "content-length"u8))
            {
                return Utf8Parser.TryParse(line[(colon + 1)..].TrimStart((byte)' '), out int length, out _) ? length : throw new InvalidDataException("content-length is not a number.");
            }
        }

        return null;
    }
}
