using System.Threading.Channels;
using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Keeps the store small: when a user has 50% more events than <see cref="EventOptions.MostPerUser"/>, all but the newest move to
/// <see cref="EventArchive"/> in the background. A user missed because of a crash or a full queue is picked up again with the next event.
/// </summary>
internal sealed class EventRetention(
    EventArchive archive, EventNotices notices, IOptions<EventOptions> options, TimeProvider time, ILogger<EventRetention> logger,
    [FromKeyedServices(RedisConnection.Background)] IConnectionMultiplexer? redis = null) : BackgroundService
{
    private const int UsersPerFile = 100;
    private const int FieldsPerCommand = 1000;
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(10);

    private readonly Channel<EntityId> _users = Channel.CreateBounded<EntityId>(
        new BoundedChannelOptions(10_000) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private DateTime _joined; // the day when the files of earlier days were last joined

    /// <param name="count">Approximate number of the user's events.</param>
    public void Check(EntityId user, long count)
    {
        if (count > options.Value.MostPerUser * 3L / 2)
        {
            _users.Writer.TryWrite(user);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (await _users.Reader.WaitToReadAsync(stoppingToken))
        {
            var users = new HashSet<EntityId>();
            while (users.Count < UsersPerFile && _users.Reader.TryRead(out EntityId user))
            {
                users.Add(user);
            }

            try
            {
                await MoveAsync(redis!.GetDatabase(), users);
            }
            catch (Exception e) when (RedisFailure.Is(e) || e is InvalidDataException or IOException or UnauthorizedAccessException or ArtifactException
                || (e is OperationCanceledException && !stoppingToken.IsCancellationRequested)) // an aborted transaction
            {
                logger.LogWarning("Events of {Users} users stay in the store for now, because they cannot be moved to {Folder}: {Reason}", users.Count, archive.Folder, e.Message);
                await Task.Delay(PauseAfterFailure, time, stoppingToken);
            }
        }
    }

    private async Task MoveAsync(IDatabase database, HashSet<EntityId> users)
    {
        using IDisposable held = await archive.LockAsync();
        var moved = new List<ArchivedEvent>();
        foreach (EntityId user in users)
        {
            ArchivedEvent[] all = [.. (await database.HashGetAllAsync(EventKeys.Of(user)))
                .Select(entry => new ArchivedEvent(user, (string)entry.Name!, UserEvent.Read((byte[])entry.Value!)))];
            moved.AddRange(all.OrderBy(archived => archived.Event, Comparer<UserEvent>.Create(UserEvent.CompareByTime)).SkipLast(options.Value.MostPerUser));
        }

        if (moved.Count == 0)
        {
            return;
        }

        DateTimeOffset now = time.GetUtcNow();
        await archive.WriteAsync(moved, now);
        if (_joined != now.Date)
        {
            await archive.JoinAsync(now);
            _joined = now.Date;
        }

        foreach (IGrouping<EntityId, ArchivedEvent> own in moved.GroupBy(archived => archived.User))
        {
            ITransaction transaction = database.CreateTransaction();
            Task[] commands =
            [
                .. own.Select(archived => (RedisValue)archived.Field).Chunk(FieldsPerCommand).Select(fields => transaction.HashDeleteAsync(EventKeys.Of(own.Key), fields)),
                transaction.StringSetAsync(EventKeys.Revision(own.Key), Random.Shared.NextInt64()),
                EventNotices.PublishAsync(transaction, [own.Key]),
            ];
            await transaction.ExecuteAsync();
            await Task.WhenAll(commands);
            notices.Heard([own.Key]);
        }
    }
}

/// <summary>
/// Deleted users, whose data in older versions is not served. A request for a user reads the user's own mark together with
/// the state of the events; this class serves lists of users, and requests while Redis is unavailable.
/// </summary>
internal sealed class ForgottenUsers(TimeProvider time, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private volatile IReadOnlyDictionary<EntityId, long> _known = new Dictionary<EntityId, long>();

    /// <returns>When the user was deleted, as far as this process knows; 0 if never.</returns>
    public long At(EntityId user) => _known.GetValueOrDefault(user);

    public async Task AddAsync(EntityId user, long at)
    {
        await redis!.GetDatabase().HashSetAsync(EventKeys.Forgotten, user.Text, at);
        await RefreshAsync();
    }

    /// <returns>The later of the user's own mark and the one known here: a failover may lose either one, and the other restores it.</returns>
    public long Merge(EntityId user, long at)
    {
        long known = At(user);
        if (at > known)
        {
            redis!.GetDatabase().HashSet(EventKeys.Forgotten, user.Text, at, flags: CommandFlags.FireAndForget);
        }

        return Math.Max(at, known);
    }

    /// <summary>Positions of deleted users in the histories of an older version.</summary>
    public async Task<IReadOnlySet<int>> PositionsInAsync(ModelSnapshot model)
    {
        await RefreshAsync();
        return _known.Where(user => model.Forgets(user.Value)).Select(user => model.Histories.PositionOf(user.Key)).Where(position => position >= 0).ToHashSet();
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await RefreshAsync(); // before the first request
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await RefreshAsync();
        }
    }

    private async Task RefreshAsync()
    {
        try
        {
            _known = redis is null ? _known
                : (await redis.GetDatabase().HashGetAllAsync(EventKeys.Forgotten)).ToDictionary(user => EntityId.Of((string)user.Name!), user => (long)user.Value);
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            // The known marks stay in force.
        }
    }
}
