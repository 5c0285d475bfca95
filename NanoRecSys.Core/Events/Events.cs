using System.Text.Json;
using System.Text.Json.Serialization;
using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Core.Events;

/// <summary>What a user did with a movie after the model was trained: served at once, folded into the next training.</summary>
/// <param name="MovieId">The data set's id, or that of a movie added since.</param>
/// <param name="Timestamp">Seconds since 1970, when it happened.</param>
/// <param name="Type">One of <see cref="EventTypes"/>.</param>
/// <param name="Rating">Stars, 0.5 to 5, if any were given.</param>
/// <param name="Received">Microseconds since 1970 when it arrived: of two events of the same second, the order.</param>
internal sealed record UserEvent(EntityId MovieId, long Timestamp, string Type, float? Rating, long Received)
{
    /// <summary>Whether it says that the user wants such movies: then it becomes part of the history.</summary>
    [JsonIgnore]
    public bool IsPositive => Type != EventTypes.Dislike;

    /// <summary>As they happened, whatever the order they arrived in.</summary>
    public static int CompareByTime(UserEvent a, UserEvent b)
    {
        return a.Timestamp != b.Timestamp ? a.Timestamp.CompareTo(b.Timestamp) : a.Received.CompareTo(b.Received);
    }

    /// <summary>Whether both describe the same event, whenever each arrived.</summary>
    /// <param name="other">The event to compare with.</param>
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

/// <summary>
/// Where events are in Redis: one hash per user, from idempotency key to event, the set of users, and a revision per user. These
/// keys have no time to live, so that a policy such as <c>volatile-lru</c> never evicts them.
/// </summary>
internal static class EventKeys
{
    /// <summary>A set: ids of all users who have events.</summary>
    public const string Users = "nanorecsys:events:users";

    /// <summary>A hash: user id to a random number, another one after each write. With the number of events it identifies their content.</summary>
    public const string Revisions = "nanorecsys:events:revisions";

    /// <summary>A string: the random id of this store, made by the first API process that finds none.</summary>
    public const string Epoch = "nanorecsys:epoch";

    /// <summary>A channel: ids of users whose events were just stored or deleted.</summary>
    public const string Notices = "nanorecsys:events:notices";

    /// <summary>A hash: one field for each event, which is written once and removed only with all others of the user.</summary>
    public static string Of(EntityId user) => "nanorecsys:events:user:" + user.Text;
}

/// <summary>What a user can do with a movie.</summary>
internal static class EventTypes
{
    public const string Watch = "watch";
    public const string Rate = "rate";
    public const string Like = "like";

    /// <summary>Excludes the movie from then on; the model does not read it, and training leaves it out.</summary>
    public const string Dislike = "dislike";

    public static readonly IReadOnlyList<string> All = [Watch, Rate, Like, Dislike];
}
