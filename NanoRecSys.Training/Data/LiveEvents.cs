using NanoRecSys.Core.Events;
using NanoRecSys.Core.Items;
using StackExchange.Redis;

namespace NanoRecSys.Training.Data;

/// <summary>What the API took since the data was gathered: it becomes part of the next training set.</summary>
/// <param name="Interactions">Every event but dislikes, by user and time.</param>
/// <param name="Dislikes">Left out: every interaction that trains is a positive.</param>
/// <param name="Movies">That were added since, as a file of items would have them.</param>
/// <param name="Damaged">Stored events and movies that cannot be read: one must not keep all others out of the training.</param>
internal sealed record LiveEvents(InteractionTable Interactions, int Dislikes, IReadOnlyList<ItemRow> Movies, int Damaged)
{
    /// <summary>Stars of a <c>like</c> that came without.</summary>
    public const float LikeRating = 5;

    /// <summary>Stars of a <c>watch</c> that came without: what MovieLens' users give on average.</summary>
    public const float WatchRating = 3.5f;

    private const int UsersAtOnce = 500;

    public static readonly LiveEvents None = new(new InteractionTable(), 0, [], 0);

    /// <param name="address"><c>redis://[user:password@]host[:port]</c>, <c>rediss://</c> for TLS, or a StackExchange.Redis connection string.</param>
    public static async Task<LiveEvents> ReadAsync(string address, CancellationToken cancellation)
    {
        ConfigurationOptions options = Parse(address);
        try
        {
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options);
            return await ReadAsync(redis.GetDatabase(), cancellation);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            // Not the address itself: it may hold a password.
            throw new UserErrorException($"The events cannot be read from Redis at {string.Join(", ", options.EndPoints)}: {e.Message}", e);
        }
    }

    internal static ConfigurationOptions Parse(string address)
    {
        if (Uri.TryCreate(address, UriKind.Absolute, out Uri? url) && url is { Scheme: "redis" or "rediss", Host.Length: > 0 })
        {
            string[] user = url.UserInfo.Split(':', 2);
            return new ConfigurationOptions
            {
                EndPoints = { { url.Host, url.IsDefaultPort ? 6379 : url.Port } },
                User = user is [{ Length: > 0 } name, _] ? Uri.UnescapeDataString(name) : null,
                Password = user is [_, { } password] ? Uri.UnescapeDataString(password) : null,
                Ssl = url.Scheme == "rediss",
            };
        }

        try
        {
            ConfigurationOptions options = ConfigurationOptions.Parse(address);
            return options.EndPoints.Count > 0 ? options : throw new ArgumentException("it names no host.");
        }
        catch (ArgumentException e)
        {
            throw new UserErrorException($"--events is not a Redis address: {e.Message} Use redis://HOST:PORT.", e);
        }
    }

    private static async Task<LiveEvents> ReadAsync(IDatabase database, CancellationToken cancellation)
    {
        var interactions = new InteractionTable();
        (int dislikes, int damaged) = (0, 0);
        EntityId[] users = SortedIds(await database.SetMembersAsync(EventKeys.Users));
        foreach (EntityId[] some in users.Chunk(UsersAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            RedisValue[][] stored = await Task.WhenAll(some.Select(user => database.HashValuesAsync(EventKeys.Of(user))));
            for (int u = 0; u < some.Length; u++)
            {
                UserEvent[] events = Readable(stored[u], value => StoredEvent.Read(value), ref damaged);
                Array.Sort(events, UserEvent.CompareByTime);
                dislikes += events.Count(happened => !happened.IsPositive);
                foreach (UserEvent happened in events.Where(happened => happened.IsPositive))
                {
                    interactions.Add(some[u], happened.ItemId, Stars(happened), happened.Timestamp);
                }
            }
        }

        ItemRecord[] items = Readable(await database.HashValuesAsync(ItemRecord.Key), value => ItemRecord.Read(value), ref damaged);
        return new LiveEvents(
            interactions, dislikes,
            [.. items.Where(item => item is { Title: not null, IsDeleted: false }).OrderBy(item => item.Added).Select(item => ItemRow.Of(item.Apply()))], damaged);
    }

    private static EntityId[] SortedIds(RedisValue[] ids)
    {
        bool areNumbers = ids.All(id => EntityId.IsWholeNumber((string)id!, out _));
        EntityId[] sorted = Array.ConvertAll(ids, id => EntityId.Of((string)id!, areNumbers));
        Array.Sort(sorted, EntityId.Compare);
        return sorted;
    }

    private static T[] Readable<T>(RedisValue[] stored, Func<byte[], T> read, ref int damaged)
    {
        var readable = new List<T>(stored.Length);
        foreach (RedisValue value in stored)
        {
            try
            {
                readable.Add(read((byte[])value!));
            }
            catch (InvalidDataException)
            {
                damaged++;
            }
        }

        return [.. readable];
    }

    private static float Stars(UserEvent happened) => happened.Rating ?? (happened.Type == EventTypes.Like ? LikeRating : WatchRating);
}
