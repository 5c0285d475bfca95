using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace NanoRecSys.Core.Events;

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
            users.Add(EntityId.Of(Uri.UnescapeDataString(((string)key!)[(UserPrefix.Length + 1)..^end.Length])));
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
