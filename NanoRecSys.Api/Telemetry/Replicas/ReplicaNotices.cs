using NanoRecSys.Api.Recommendations;
using StackExchange.Redis;

namespace NanoRecSys.Api.Telemetry.Replicas;

/// <summary>
/// Once a second tells the other replicas what this one answered in the second before, and hears what they did, so that
/// each can show all of them as one. A request pays nothing for it. Nothing is sent twice: while Redis is away, each
/// replica knows of itself only.
/// </summary>
internal sealed class ReplicaNotices(
    TelemetryWindow window, ReplicaTraffic others, ComputeTurns turns, TimeProvider time, ILogger<ReplicaNotices> logger, IConnectionMultiplexer? redis = null)
    : BackgroundService
{
    private const int NewestTold = 8; // of a second: the list of the last fifty fills within seconds
    private const long MostBehind = 5; // seconds that a busy machine may let pass

    private static readonly RedisChannel Channel = RedisChannel.Literal("nanorecsys:telemetry:seconds");

    // Who found the second's slot just before it ended has counted in it by then.
    private static readonly TimeSpan Grace = TimeSpan.FromMilliseconds(30);

    private readonly string _self = Guid.NewGuid().ToString("N");
    private long _told; // requests

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        bool isSubscribed = false;
        long next = time.GetUtcNow().ToUnixTimeSeconds();
        while (true)
        {
            DateTimeOffset ends = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds() + 1);
            await Task.Delay(ends - time.GetUtcNow() + Grace, time, stoppingToken);
            long ended = time.GetUtcNow().ToUnixTimeSeconds() - 1;
            next = Math.Max(next, ended - MostBehind);
            try
            {
                if (!isSubscribed)
                {
                    ChannelMessageQueue messages = await redis.GetSubscriber().SubscribeAsync(Channel);
                    messages.OnMessage(message => Hear(message.Message)); // one after the other
                    isSubscribed = true; // from here on the client subscribes again by itself
                }

                for (; next <= ended; next++)
                {
                    await redis.GetDatabase().PublishAsync(Channel, Tell(next).Write());
                }
            }
            catch (Exception e) when (e is RedisException or TimeoutException)
            {
                next = ended + 1;
                logger.LogDebug("No telemetry of other replicas for now: {Reason}", e.Message);
            }
        }
    }

    private ReplicaSecond Tell(long second) => new(
        _self, (window.FindSecond(second) ?? new TrafficSlot(second)).ReadFigures(), window.ReadNew(ref _told, NewestTold), turns.Read());

    private void Hear(RedisValue message)
    {
        try
        {
            if (ReplicaSecond.Read((byte[]?)message) is { } told && told.Replica != _self)
            {
                others.Hear(told);
            }
        }
        catch (FormatException e)
        {
            logger.LogDebug("Another replica's telemetry was not understood: {Reason}", e.Message);
        }
    }
}
