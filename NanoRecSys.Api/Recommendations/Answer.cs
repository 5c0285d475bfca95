using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>What a query is answered with, apart from the request that asked: this is written once and kept.</summary>
internal sealed record Answer
{
    public required IReadOnlyList<int> MovieIds { get; init; }

    public required IReadOnlyList<float> Scores { get; init; }

    public required IReadOnlyList<string> Explanations { get; init; }

    public IReadOnlyList<RecommendationReason>? Reasons { get; init; }

    /// <summary>Newest last, at most 20.</summary>
    public IReadOnlyList<MovieInfo>? History { get; init; }

    public required IReadOnlyList<MovieInfo> Movies { get; init; }

    public IReadOnlyList<int>? UnknownMovieIds { get; init; }

    public required string Version { get; init; }

    /// <summary>Set where popular items stand in for personal ones; said in the request's own part.</summary>
    [JsonIgnore]
    public string? FallbackReason { get; init; }

    /// <summary>How many events of the user it knew; with another number it is out of date.</summary>
    [JsonIgnore]
    public long Events { get; init; }
}

/// <summary>Turns chosen rows into movies, and adds what the query asked for besides.</summary>
internal static class AnswerWriter
{
    private const int ShownHistory = 20;

    /// <param name="catalog">What recommended.</param>
    /// <param name="query">Who asked for what.</param>
    /// <param name="history">Of whom.</param>
    /// <param name="best">[K] with the served scores.</param>
    /// <param name="reasons">[K]; null where nobody asked for them.</param>
    /// <param name="fallbackReason">Set where popular items stand in for personal ones.</param>
    public static Answer Write(
        ServedCatalog catalog, RecommendationQuery query, History history, Candidate[] best, RecommendationReason[]? reasons, string? fallbackReason)
    {
        int[] unknown = [.. (history.UnknownMovieIds ?? []).Concat(query.Filter.UnknownIds(catalog)).Distinct()];
        MovieInfo[] movies = Array.ConvertAll(best, candidate => catalog.MovieAt(candidate.Row));
        return new Answer
        {
            MovieIds = Array.ConvertAll(movies, movie => movie.MovieId),
            Scores = Array.ConvertAll(best, candidate => candidate.Score),
            Explanations = reasons?.Select(ReasonWords.Of).ToArray() ?? [],
            Reasons = reasons,
            Movies = movies,
            History = query.IncludeHistory ? [.. history.Rows.TakeLast(ShownHistory).Select(catalog.MovieAt)] : null,
            UnknownMovieIds = unknown.Length == 0 ? null : unknown,
            FallbackReason = fallbackReason,
            Version = catalog.Model.Version,
            Events = history.Events,
        };
    }
}

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

/// <summary>
/// An <see cref="Answer"/> as it lies in the caches: its JSON, ready to be sent, behind a header with what a look-up must
/// know. A hit thus parses and writes no JSON but the request's own part.
/// </summary>
internal sealed class StoredAnswer
{
    // Header: mark, length of all, events, made at, length of the reason; then the reason and the JSON.
    private const uint Mark = 0x31_53_4e_41; // "ANS1"; another form gets another mark and another CacheKey format
    private const int LengthAt = 4;
    private const int EventsAt = 8;
    private const int MadeAt = 16;
    private const int ReasonAt = 24;
    private const int HeaderBytes = 25;

    private StoredAnswer(byte[] bytes)
    {
        Bytes = bytes;
        int reason = bytes[ReasonAt];
        FallbackReason = reason == 0 ? null : Encoding.UTF8.GetString(bytes.AsSpan(HeaderBytes, reason));
        Json = bytes.AsMemory(HeaderBytes + reason);
    }

    /// <summary>Header and JSON: what Redis keeps.</summary>
    public byte[] Bytes { get; }

    /// <summary>The answer as a JSON object.</summary>
    public ReadOnlyMemory<byte> Json { get; }

    /// <summary>How many events of the user it knew.</summary>
    public long Events => BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan(EventsAt));

    /// <summary>When it was computed.</summary>
    public DateTimeOffset Made => DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64LittleEndian(Bytes.AsSpan(MadeAt)));

    /// <summary>Set where popular items stand in for personal ones.</summary>
    public string? FallbackReason { get; }

    public static StoredAnswer Of(Answer answer, DateTimeOffset made)
    {
        byte[] reason = Encoding.UTF8.GetBytes(answer.FallbackReason ?? "");
        byte[] json = JsonSerializer.SerializeToUtf8Bytes(answer, CacheJson.Default.Answer);
        var bytes = new byte[HeaderBytes + reason.Length + json.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, Mark);
        BinaryPrimitives.WriteInt32LittleEndian(bytes.AsSpan(LengthAt), bytes.Length);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(EventsAt), answer.Events);
        BinaryPrimitives.WriteInt64LittleEndian(bytes.AsSpan(MadeAt), made.ToUnixTimeMilliseconds());
        bytes[ReasonAt] = checked((byte)reason.Length);
        reason.CopyTo(bytes.AsSpan(HeaderBytes));
        json.CopyTo(bytes.AsSpan(HeaderBytes + reason.Length));
        return new StoredAnswer(bytes);
    }

    /// <exception cref="InvalidDataException">Not what <see cref="Of"/> wrote, or not all of it.</exception>
    public static StoredAnswer Read(byte[] bytes)
    {
        return bytes.Length > HeaderBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Mark
            && BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(LengthAt)) == bytes.Length
            && HeaderBytes + bytes[ReasonAt] < bytes.Length
            ? new StoredAnswer(bytes)
            : throw new InvalidDataException($"A cached answer of {bytes.Length} bytes is damaged; a new one takes its place.");
    }
}
