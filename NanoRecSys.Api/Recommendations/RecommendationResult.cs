using System.Buffers;
using System.Text.Json;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// Sends a response: the answer's bytes as they lie in the cache, and behind them, in the same JSON object, what it says of
/// its request.
/// </summary>
internal sealed class RecommendationResult(StoredAnswer answer, RequestPart request) : IResult
{
    private const string ContentType = "application/json; charset=utf-8";
    private const int PartBytes = 512; // with a waterfall of seven stages

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? PartBuffer;

    [ThreadStatic]
    private static Utf8JsonWriter? PartWriter;

    public Task ExecuteAsync(HttpContext httpContext)
    {
        ArrayBufferWriter<byte> part = PartBuffer ??= new ArrayBufferWriter<byte>(PartBytes);
        Utf8JsonWriter writer = PartWriter ??= new Utf8JsonWriter(part);
        part.ResetWrittenCount();
        writer.Reset();
        JsonSerializer.Serialize(writer, request, CacheJson.Default.RequestPart);

        ReadOnlySpan<byte> front = answer.Json.Span[..^1]; // without its closing brace
        ReadOnlySpan<byte> back = part.WrittenSpan[1..]; // without its opening one
        HttpResponse response = httpContext.Response;
        response.ContentType = ContentType;
        response.ContentLength = front.Length + 1 + back.Length;
        Span<byte> body = response.BodyWriter.GetSpan(front.Length + 1 + back.Length);
        front.CopyTo(body);
        body[front.Length] = (byte)',';
        back.CopyTo(body[(front.Length + 1)..]);
        response.BodyWriter.Advance(front.Length + 1 + back.Length);
        return Task.CompletedTask; // the server sends head and body at once when the request ends
    }
}
