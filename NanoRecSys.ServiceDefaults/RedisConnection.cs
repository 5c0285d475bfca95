using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using StackExchange.Redis;
#if !ASPIRE
using Microsoft.Extensions.Logging;
#endif

namespace NanoRecSys.ServiceDefaults;

/// <summary>
/// The connection to the cache, from the connection string <c>cache</c>. With Aspire its own client integration
/// registers it, otherwise we do; either way services ask for <see cref="IConnectionMultiplexer"/>.
/// </summary>
public static class RedisConnection
{
    public const string ConnectionName = "cache";

    /// <summary>Registers <see cref="IConnectionMultiplexer"/> where a connection string is configured; without one there is no cache.</summary>
    public static TBuilder AddRedisConnection<TBuilder>(this TBuilder builder)
        where TBuilder : IHostApplicationBuilder
    {
        if (string.IsNullOrWhiteSpace(builder.Configuration.GetConnectionString(ConnectionName)))
        {
            return builder;
        }

#if ASPIRE
        // Its own check would call a service unhealthy that only lost its cache.
        builder.AddRedisClient(ConnectionName, settings => settings.DisableHealthChecks = true, Configure);
#else
        // Read at once: a connection string that is no such thing must end the start, not every request.
        ConfigurationOptions options = ConfigurationOptions.Parse(builder.Configuration.GetConnectionString(ConnectionName)!);
        Configure(options);
        builder.Services.AddSingleton<IConnectionMultiplexer>(services =>
        {
            options.LoggerFactory = services.GetRequiredService<ILoggerFactory>();
            return ConnectionMultiplexer.Connect(options);
        });
#endif
        builder.Services.AddHealthChecks().AddCheck<RedisHealthCheck>("redis", HealthStatus.Degraded);
        return builder;
    }

    // The cache must never cost more than it saves: a command that cannot be sent now fails now, and the
    // connection comes back by itself in the background.
    private static void Configure(ConfigurationOptions options)
    {
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.ConnectTimeout = 1000;
        options.SyncTimeout = 500;
        options.AsyncTimeout = 500;
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(500); // also how often time-outs are looked for
        options.ReconnectRetryPolicy = new LinearRetry(500);
    }

    private sealed class RedisHealthCheck(IConnectionMultiplexer redis) : IHealthCheck
    {
        public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
        {
            try
            {
                TimeSpan roundTrip = await redis.GetDatabase().PingAsync();
                return HealthCheckResult.Healthy($"answered in {roundTrip.TotalMilliseconds:F1} ms");
            }
            catch (RedisException e)
            {
                return new HealthCheckResult(context.Registration.FailureStatus, $"does not answer: {e.Message}");
            }
        }
    }
}
