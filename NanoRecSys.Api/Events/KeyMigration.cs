using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Moves events that earlier releases stored under keys without hash tags: before the first request and, in case replicas of such a release still run,
/// every minute. An event is copied before it is deleted, so nothing is lost by an interruption: the next start continues.
/// </summary>
internal sealed class KeyMigration(EventNotices notices, TimeProvider time, ILogger<KeyMigration> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private const string EarlierRevisions = "nanorecsys:events:revisions";
    private const int UsersAtOnce = 50;
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await MoveAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            await MoveAsync(stoppingToken);
        }
    }

    private async Task MoveAsync(CancellationToken cancellation)
    {
        try
        {
            RedisValue[] users = redis is null ? [] : await redis.GetDatabase().SetMembersAsync(EventKeys.EarlierUsers);
            foreach (RedisValue[] some in users.Chunk(UsersAtOnce))
            {
                cancellation.ThrowIfCancellationRequested();
                await Task.WhenAll(some.Select(user => TryMoveAsync(EntityId.Of((string)user!))));
            }

            if (users.Length > 0)
            {
                await redis!.GetDatabase().KeyDeleteAsync(EarlierRevisions);
                logger.LogInformation("Moved the events of {Users} users to keys with hash tags", users.Length);
            }
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            logger.LogWarning("Events of an earlier release are not moved to keys with hash tags for now: {Reason}", e.Message);
        }
    }

    private async Task TryMoveAsync(EntityId user)
    {
        try
        {
            await MoveAsync(redis!.GetDatabase(), user);
        }
        catch (RedisServerException e) // for example a key of another type, which must not stop the others from moving
        {
            logger.LogWarning("The events of a user stay under a key of an earlier release for now: {Reason}", e.Message);
        }
    }

    private async Task MoveAsync(IDatabase database, EntityId user)
    {
        RedisKey earlier = "nanorecsys:events:user:" + user.Text;
        HashEntry[] events = await database.HashGetAllAsync(earlier);
        if (events.Length > 0)
        {
            ITransaction transaction = database.CreateTransaction();
            Task[] all =
            [
                .. events.Select(entry => transaction.HashSetAsync(EventKeys.Of(user), entry.Name, entry.Value, When.NotExists)),
                transaction.StringSetAsync(EventKeys.Revision(user), Random.Shared.NextInt64()),
                EventNotices.PublishAsync(transaction, [user]),
            ];
            await transaction.ExecuteAsync();
            await Task.WhenAll(all);
            notices.Heard([user]);
            await database.HashDeleteAsync(earlier, [.. events.Select(entry => entry.Name)]); // not the whole key, which may have new events
        }

        await database.SetRemoveAsync(EventKeys.EarlierUsers, user.Text);
        if (await database.KeyExistsAsync(earlier))
        {
            await database.SetAddAsync(EventKeys.EarlierUsers, user.Text);
        }
    }
}
