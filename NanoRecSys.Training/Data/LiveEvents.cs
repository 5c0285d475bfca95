using System.IO.Hashing;
using NanoRecSys.Core.Events;
using NanoRecSys.Core.Items;
using StackExchange.Redis;

namespace NanoRecSys.Training.Data;

/// <summary>Events and items that the API accepted since the data was collected; they become part of the next training set.</summary>
/// <param name="Interactions">All events except dislikes: those in the store by user and time, then archived ones.</param>
/// <param name="Dislikes">Number of dislikes left out: every training interaction is a positive.</param>
/// <param name="Movies">Items added since, in the form of an item file.</param>
/// <param name="Damaged">Number of unreadable events and items; they must not block the others.</param>
internal sealed record LiveEvents(InteractionTable Interactions, int Dislikes, IReadOnlyList<CatalogItem> Movies, int Damaged)
{
    /// <summary>Deleted users; their interactions in the data are left out.</summary>
    public IReadOnlySet<EntityId> Forgotten { get; init; } = new HashSet<EntityId>();

    /// <inheritdoc cref="DatasetInfo.EventsRead"/>
    public DateTimeOffset? Read { get; init; }

    /// <summary>Stars of a <c>like</c> without a rating.</summary>
    public const float LikeRating = 5;

    /// <summary>Stars of a <c>watch</c> without a rating: MovieLens users' average.</summary>
    public const float WatchRating = 3.5f;

    private const int UsersAtOnce = 500;

    public static readonly LiveEvents None = new(new InteractionTable(), 0, [], 0);

    /// <param name="address"><c>redis://[user:password@]host[:port]</c>, <c>rediss://</c> for TLS, or a StackExchange.Redis connection string.</param>
    /// <exception cref="UserErrorException">The address is invalid, or Redis does not answer.</exception>
    public static Task<LiveEvents> ReadAsync(string address, EventArchive archive, CancellationToken cancellation) => WithAsync(address, async redis =>
    {
        DateTimeOffset now = await redis.GetServers().First(server => server.IsConnected).TimeAsync(); // before anything is read
        return await ReadAsync(redis, archive, cancellation) with { Read = now };
    });

    /// <summary>Number of events in the store and in the archive, including dislikes.</summary>
    public static Task<long> CountAsync(string address, EventArchive archive, CancellationToken cancellation) => WithAsync(address, async redis =>
    {
        IDatabase database = redis.GetDatabase();
        long count = await archive.CountAsync();
        foreach (EntityId[] some in (await EventKeys.UsersAsync(redis, cancellation)).Chunk(UsersAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            count += (await Task.WhenAll(some.Select(user => database.HashLengthAsync(EventKeys.Of(user))))).Sum();
        }

        return count;
    });

    private static async Task<T> WithAsync<T>(string address, Func<ConnectionMultiplexer, Task<T>> work)
    {
        ConfigurationOptions options = Parse(address);
        options.AllowAdmin = true; // the client treats CLUSTER NODES, which lists the nodes to read, as administration
        try
        {
            await using ConnectionMultiplexer redis = await ConnectionMultiplexer.ConnectAsync(options);
            return !await redis.GetDatabase().KeyExistsAsync(EventKeys.EarlierUsers) ? await work(redis)
                : throw new UserErrorException("Redis has events under the keys of an earlier release. Start this release's API once: it moves them.");
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            // Not the address itself: it may contain a password.
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

    private static async Task<LiveEvents> ReadAsync(ConnectionMultiplexer redis, EventArchive archive, CancellationToken cancellation)
    {
        IDatabase database = redis.GetDatabase();
        var interactions = new InteractionTable();
        var known = new HashSet<UInt128>(); // hashes of users and keys: an event may be in the store and in the archive
        (int dislikes, int damaged) = (0, 0);
        var codes = new IdCodes();
        EntityId[] users = codes.Typed(codes.Sort((await EventKeys.UsersAsync(redis, cancellation)).Select(codes.CodeOf)));
        HashSet<EntityId> forgotten = [.. await EventKeys.ForgottenUsersAsync(redis, cancellation), .. (await database.HashKeysAsync(EventKeys.Forgotten)).Select(id => EntityId.Of((string)id!))];
        foreach (EntityId[] some in users.Chunk(UsersAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            HashEntry[][] stored = await Task.WhenAll(some.Select(user => database.HashGetAllAsync(EventKeys.Of(user))));
            for (int u = 0; u < some.Length; u++)
            {
                known.UnionWith(stored[u].Select(entry => HashOf(some[u], (string)entry.Name!)));
                UserEvent[] events = Readable(Array.ConvertAll(stored[u], entry => entry.Value), value => UserEvent.Read(value), ref damaged);
                Array.Sort(events, UserEvent.CompareByTime);
                Array.ForEach(events, happened => Add(some[u], happened));
            }
        }

        await foreach (ArchivedEvent archived in archive.ReadAsync())
        {
            cancellation.ThrowIfCancellationRequested();
            if (known.Add(HashOf(archived.User, archived.Field)))
            {
                Add(archived.User, archived.Event);
            }
        }

        ItemRecord[] items = Readable(await database.HashValuesAsync(ItemRecord.Key), value => ItemRecord.Read(value), ref damaged);
        return new LiveEvents(
            interactions, dislikes,
            [.. items.Where(item => item is { Title: not null, IsDeleted: false }).OrderBy(item => item.Added).Select(item => item.Apply())], damaged)
        { Forgotten = forgotten };

        void Add(EntityId user, UserEvent happened)
        {
            if (happened.IsPositive)
            {
                interactions.Add(user, happened.ItemId, Stars(happened), happened.Timestamp);
            }
            else
            {
                dislikes++;
            }
        }
    }

    private static UInt128 HashOf(EntityId user, string field) => XxHash128.HashToUInt128(Encoding.UTF8.GetBytes($"{user.Text}\0{field}"));

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
