namespace NanoRecSys.Core.Events;

/// <summary>A user's interaction with an item after the model was trained: served immediately, included in the next training.</summary>
/// <param name="ItemId">The id in the data set, or of an item added later. Stored under its old name, which replicas of an older release read.</param>
/// <param name="Timestamp">When it happened, in seconds since 1970.</param>
/// <param name="Type">Any name; those in <see cref="EventTypes"/> have a special meaning.</param>
/// <param name="Rating">On the scale of the data, if one was given.</param>
/// <param name="Received">When it arrived, in microseconds since 1970; orders events of the same second.</param>
internal sealed record UserEvent([property: JsonPropertyName("movie_id")] EntityId ItemId, long Timestamp, string Type, float? Rating, long Received)
{
    /// <summary>Whether the user wants such items; if so, it becomes part of the history. The weights in the settings may override it.</summary>
    [JsonIgnore] public bool IsPositive { get; init; } = Type != EventTypes.Dislike;

    /// <summary>In the order in which they happened, not in which they arrived.</summary>
    public static int CompareByTime(UserEvent a, UserEvent b)
    {
        return a.Timestamp != b.Timestamp ? a.Timestamp.CompareTo(b.Timestamp) : a.Received.CompareTo(b.Received);
    }

    /// <summary>Whether both describe the same event, regardless of arrival time.</summary>
    /// <param name="isTimed">False if the server chose the time of <paramref name="other"/>, which is then not compared.</param>
    public bool Matches(UserEvent other, bool isTimed) =>
        this == other with { Received = Received, Timestamp = isTimed ? other.Timestamp : Timestamp };
}

/// <summary>An event's stored form: a small JSON object that other programs can also read.</summary>
internal static class StoredEvent
{
    public static byte[] Write(UserEvent happened) => JsonSerializer.SerializeToUtf8Bytes(happened, StoredEventJson.Default.UserEvent);

    /// <exception cref="InvalidDataException">Not an event, or written by a later release.</exception>
    public static UserEvent Read(ReadOnlySpan<byte> stored)
    {
        try
        {
            UserEvent happened = JsonSerializer.Deserialize(stored, StoredEventJson.Default.UserEvent) ?? throw new InvalidDataException("A stored event is null.");
            return happened.Type is not null ? happened : throw new InvalidDataException("A stored event has no type."); // the serializer sets an absent field to null
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

/// <summary>Event types with a built-in meaning. Any other is an ordinary interaction.</summary>
internal static class EventTypes
{
    public const string Watch = "watch";
    public const string Rate = "rate";
    public const string Like = "like";
    public const string Dislike = "dislike"; // excludes the item from then on; neither the model nor training reads it
}

/// <summary>The store's data of a user.</summary>
/// <param name="Items">In the order in which they happened.</param>
/// <param name="ForgottenAt">When the user was deleted, in microseconds since 1970; 0 if never.</param>
/// <param name="IsWhole">False if Redis did not answer.</param>
internal sealed record UserEvents(IReadOnlyList<UserEvent> Items, long ForgottenAt = 0, bool IsWhole = true)
{
    public static readonly UserEvents None = new([]);
}

internal static class Clocks
{
    public static readonly TimeSpan AllowedSkew = TimeSpan.FromMinutes(5); // between the clocks of clients, replicas and the store
}
