using System.Text.Json;
using System.Text.Json.Serialization;

namespace NanoRecSys.Core.Events;

/// <summary>An event's stored form: a small JSON object that other programs can read, too.</summary>
public static class StoredEvent
{
    public static byte[] Write(UserEvent happened) => JsonSerializer.SerializeToUtf8Bytes(happened, StoredEventJson.Default.UserEvent);

    /// <exception cref="InvalidDataException">Not an event, or one of a later release.</exception>
    public static UserEvent Read(ReadOnlySpan<byte> stored)
    {
        try
        {
            return JsonSerializer.Deserialize(stored, StoredEventJson.Default.UserEvent) ?? throw new InvalidDataException("A stored event is null.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"A stored event cannot be read: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Skip)]
[JsonSerializable(typeof(UserEvent))]
internal sealed partial class StoredEventJson : JsonSerializerContext;
