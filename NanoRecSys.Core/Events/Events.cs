using System.Runtime.CompilerServices;
using StackExchange.Redis;

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
    public static int CompareByTime(UserEvent a, UserEvent b) =>
        a.Timestamp != b.Timestamp ? a.Timestamp.CompareTo(b.Timestamp) : a.Received.CompareTo(b.Received);

    /// <summary>Whether both describe the same event, regardless of arrival time.</summary>
    /// <param name="isTimed">False if the server chose the time of <paramref name="other"/>, which is then not compared.</param>
    public bool Matches(UserEvent other, bool isTimed) =>
        this == other with { Received = Received, Timestamp = isTimed ? other.Timestamp : Timestamp };

    /// <summary>The stored form: a small JSON object that other programs can also read.</summary>
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, StoredJson.Default.UserEvent);

    /// <exception cref="InvalidDataException">Not an event, or written by a later release.</exception>
    public static UserEvent Read(ReadOnlySpan<byte> stored)
    {
        try
        {
            UserEvent happened = JsonSerializer.Deserialize(stored, StoredJson.Default.UserEvent) ?? throw new InvalidDataException("A stored event is null.");
            return happened.Type is not null ? happened : throw new InvalidDataException("A stored event has no type."); // the serializer sets an absent field to null
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"A stored event cannot be read: {e.Message}", e);
        }
    }
}

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

/// <summary>
/// Redis keys of events. All keys of a user have the user's id as their hash tag: in a cluster they are on one node, and one transaction changes
/// them. They have no time to live, so that a policy such as <c>volatile-lru</c> never evicts them.
/// </summary>
internal static class EventKeys
{
    private const string UserPrefix = "nanorecsys:user:";
    private const string EventsName = "events";
    private const string ForgottenName = "forgotten";

    /// <summary>
    /// A hash from user id to the time when the user was deleted, in microseconds since 1970. Data of the user in earlier versions and data sets is neither
    /// served nor used for training. A copy of <see cref="ForgottenAt"/>, for lists of users.
    /// </summary>
    public const string Forgotten = "nanorecsys:forgotten";

    /// <summary>A string: the random id of this store, created by the first API process that finds none.</summary>
    public const string Epoch = "nanorecsys:epoch";

    /// <summary>A channel: ids of users whose events were just stored or deleted.</summary>
    public const string Notices = "nanorecsys:events:notices";

    /// <summary>A set: users whose events an earlier release stored in keys without hash tags. The API moves them at start.</summary>
    public const string EarlierUsers = "nanorecsys:events:users";

    /// <summary>A hash: one field for each event, written once.</summary>
    public static string Of(EntityId user) => Of(user, EventsName);

    /// <summary>A string: a random number that changes with each write. Together with the number of events it identifies their content.</summary>
    public static string Revision(EntityId user) => Of(user, "revision");

    /// <summary>A string: when the user was deleted, in microseconds since 1970. Read with the revision, so that every replica knows immediately.</summary>
    public static string ForgottenAt(EntityId user) => Of(user, ForgottenName);

    public static string Of(EntityId user, string name) => $"{UserPrefix}{Tag(user)}:{name}";

    /// <summary>Part of every key of a user. Escaped, because a brace in an id would end the tag, a colon the name, and an asterisk would be a pattern.</summary>
    public static string Tag(EntityId user) => $"{{{Uri.EscapeDataString(user.Text)}}}";

    /// <summary>All users with events, in no particular order.</summary>
    public static Task<HashSet<EntityId>> UsersAsync(IConnectionMultiplexer redis, CancellationToken cancellation) => UsersAsync(redis, EventsName, cancellation);

    /// <summary>All deleted users, in no particular order.</summary>
    public static Task<HashSet<EntityId>> ForgottenUsersAsync(IConnectionMultiplexer redis, CancellationToken cancellation) => UsersAsync(redis, ForgottenName, cancellation);

    /// <summary>Keys that match a pattern, on every node that has slots; some may be returned twice.</summary>
    /// <exception cref="RedisException">A node is unavailable, so its keys would be missing.</exception>
    public static async IAsyncEnumerable<RedisKey> ScanAsync(IConnectionMultiplexer redis, string pattern, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        foreach (IServer server in await NodesAsync(redis))
        {
            await foreach (RedisKey key in server.KeysAsync(redis.GetDatabase().Database, pattern, pageSize: 1000).WithCancellation(cancellation))
            {
                yield return key;
            }
        }
    }

    private static async Task<HashSet<EntityId>> UsersAsync(IConnectionMultiplexer redis, string name, CancellationToken cancellation)
    {
        var users = new HashSet<EntityId>();
        string end = $"}}:{name}";
        await foreach (RedisKey key in ScanAsync(redis, $"{UserPrefix}{{*{end}", cancellation))
        {
            // The pattern may also match keys of other programs.
            if (EntityId.TryParse(Uri.UnescapeDataString(((string)key!)[(UserPrefix.Length + 1)..^end.Length]), out EntityId user))
            {
                users.Add(user);
            }
        }

        return users;
    }

    private static async Task<IEnumerable<IServer>> NodesAsync(IConnectionMultiplexer redis)
    {
        IServer server = redis.GetServers().OrderByDescending(server => server.IsConnected).ThenBy(server => server.IsReplica).First();
        return server.ServerType != ServerType.Cluster ? [server]
            : (await server.ClusterNodesAsync())!.Nodes.Where(node => !node.IsReplica && node.Slots.Count > 0).Select(node => redis.GetServer(node.EndPoint!));
    }
}

/// <summary>Failures of a Redis command that are caused by the server, not by a defect here.</summary>
internal static class RedisFailure
{
    /// <summary>
    /// The server is unavailable, slow, a replica or refuses the command, or a value was not written by this product. The client's exceptions have no
    /// common base class.
    /// </summary>
    public static bool Is(Exception e) => e is RedisException or RedisCommandException or TimeoutException or InvalidCastException;
}
