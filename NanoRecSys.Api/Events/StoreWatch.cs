using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Follows data in Redis that replicas change together: receives a notice of each change, and also checks every second in case a notice
/// was missed. While Redis fails, the last read data stays in force; the first failure of a kind is logged as a warning.
/// </summary>
internal static class StoreWatch
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <param name="failed">Logs why a check failed.</param>
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
                    isSubscribed = true; // from now on the client resubscribes by itself
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
