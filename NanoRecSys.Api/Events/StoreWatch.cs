using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Keeps up with what replicas change together in Redis: receives the notice of each change, and besides looks every second, so that a missed notice
/// is made up for. While Redis fails, what was read before holds; the first failure of a kind is a warning.
/// </summary>
internal static class StoreWatch
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <param name="failed">Logs why a look failed.</param>
    public static async Task RunAsync(
        IConnectionMultiplexer redis, RedisChannel channel, Action<RedisValue> receive, Func<IDatabase, Task> look, Action<LogLevel, string> failed,
        CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookInterval);
        bool isSubscribed = false;
        Type? failure = null;
        do
        {
            try
            {
                if (!isSubscribed)
                {
                    await redis.GetSubscriber().SubscribeAsync(channel, (_, message) => receive(message));
                    isSubscribed = true; // from here on the client subscribes again by itself
                }

                await look(redis.GetDatabase());
                failure = null;
            }
            catch (Exception e) when (RedisFailure.Is(e) || e is InvalidDataException)
            {
                failed(failure == e.GetType() ? LogLevel.Debug : LogLevel.Warning, e.Message);
                failure = e.GetType();
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
