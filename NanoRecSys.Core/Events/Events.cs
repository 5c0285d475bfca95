namespace NanoRecSys.Core.Events;

/// <summary>What a user did with an item after the model was trained: served at once, folded into the next training.</summary>
/// <param name="ItemId">The data set's id, or that of an item added since. Stored by its old name, which replicas of an older release read.</param>
/// <param name="Timestamp">Seconds since 1970, when it happened.</param>
/// <param name="Type">Any name; <see cref="EventTypes"/> has those with a meaning of their own.</param>
/// <param name="Rating">On the scale of the data, if one was given.</param>
/// <param name="Received">Microseconds since 1970 when it arrived: of two events of the same second, the order.</param>
internal sealed record UserEvent([property: JsonPropertyName("movie_id")] EntityId ItemId, long Timestamp, string Type, float? Rating, long Received)
{
    /// <summary>Whether it says that the user wants such items: then it becomes part of the history. The weights of the settings may say otherwise.</summary>
    [JsonIgnore] public bool IsPositive { get; init; } = Type != EventTypes.Dislike;

    /// <summary>As they happened, whatever the order they arrived in.</summary>
    public static int CompareByTime(UserEvent a, UserEvent b)
    {
        return a.Timestamp != b.Timestamp ? a.Timestamp.CompareTo(b.Timestamp) : a.Received.CompareTo(b.Received);
    }

    /// <summary>Whether both describe the same event, whenever each arrived.</summary>
    /// <param name="isTimed">False if the server chose the time of <paramref name="other"/>: then it is not compared.</param>
    public bool Matches(UserEvent other, bool isTimed) =>
        this == other with { Received = Received, Timestamp = isTimed ? other.Timestamp : Timestamp };
}

/// <summary>An event's stored form: a small JSON object that other programs can read, too.</summary>
internal static class StoredEvent
{
    public static byte[] Write(UserEvent happened) => JsonSerializer.SerializeToUtf8Bytes(happened, StoredEventJson.Default.UserEvent);

    /// <exception cref="InvalidDataException">Not an event, or one of a later release.</exception>
    public static UserEvent Read(ReadOnlySpan<byte> stored)
    {
        try
        {
            UserEvent happened = JsonSerializer.Deserialize(stored, StoredEventJson.Default.UserEvent) ?? throw new InvalidDataException("A stored event is null.");
            return happened.Type is not null ? happened : throw new InvalidDataException("A stored event has no type."); // the serializer takes an absent field for null
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

/// <summary>Types of events that mean something without a setting. Any other is one more interaction.</summary>
internal static class EventTypes
{
    public const string Watch = "watch";
    public const string Rate = "rate";
    public const string Like = "like";
    public const string Dislike = "dislike"; // excludes the item from then on; the model does not read it, and training leaves it out
}

/// <summary>What the store knows of a user.</summary>
/// <param name="Items">In the order in which they happened.</param>
/// <param name="ForgottenAt">When the user was deleted, in microseconds since 1970; 0 for never.</param>
/// <param name="IsWhole">False if Redis did not answer.</param>
internal sealed record UserEvents(IReadOnlyList<UserEvent> Items, long ForgottenAt = 0, bool IsWhole = true)
{
    public static readonly UserEvents None = new([]);
}

internal static class Clocks
{
    public static readonly TimeSpan AllowedSkew = TimeSpan.FromMinutes(5); // between the clocks of clients, replicas and the store
}
