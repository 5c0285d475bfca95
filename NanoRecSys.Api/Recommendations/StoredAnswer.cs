using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// An <see cref="Answer"/> as it lies in the caches: its JSON, ready to be sent, behind a header with what a look-up must
/// know. A hit thus parses and writes no JSON but the request's own part.
/// </summary>
public sealed class StoredAnswer
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
        ArgumentNullException.ThrowIfNull(answer);
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
        ArgumentNullException.ThrowIfNull(bytes);
        return bytes.Length > HeaderBytes
            && BinaryPrimitives.ReadUInt32LittleEndian(bytes) == Mark
            && BinaryPrimitives.ReadInt32LittleEndian(bytes.AsSpan(LengthAt)) == bytes.Length
            && HeaderBytes + bytes[ReasonAt] < bytes.Length
            ? new StoredAnswer(bytes)
            : throw new InvalidDataException($"A cached answer of {bytes.Length} bytes is damaged; a new one takes its place.");
    }
}
