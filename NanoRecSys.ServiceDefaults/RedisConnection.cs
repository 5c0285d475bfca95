using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace NanoRecSys.ServiceDefaults;

/// <summary>The Redis client, from the connection string <c>cache</c>. Services ask for <see cref="IConnectionMultiplexer"/>.</summary>
internal static class RedisConnection
{
    public const string ConnectionName = "cache";

    /// <summary>Key of the <see cref="IConnectionMultiplexer"/> for background work: its commands may take longer, and requests do not queue behind them.</summary>
    public const string Background = "background";

    private const int BackgroundMilliseconds = 5000;

    // Short, because the cache must never cost more than it saves. A connection string may set others, for a more distant store.
    private const string TimeLimits = "connectTimeout=1000,syncTimeout=500,asyncTimeout=500";

    /// <summary>Registers <see cref="IConnectionMultiplexer"/> if a connection string is configured; without one there is no cache.</summary>
    /// <exception cref="OptionsValidationException">The connection string is not valid.</exception>
    public static void AddRedisConnection(this IHostApplicationBuilder builder)
    {
        string? connectionString = builder.Configuration.GetConnectionString(ConnectionName);
        if (string.IsNullOrWhiteSpace(connectionString))
        {
            return;
        }

        if (Problem(connectionString) is { } problem)
        {
            throw new OptionsValidationException(ConnectionName, typeof(ConfigurationOptions), [problem]); // at the start, not at every request
        }

        builder.AddRedisClient(
            ConnectionName,
            settings =>
            {
                settings.ConnectionString = WithTimeLimits(connectionString);
                settings.DisableHealthChecks = true; // its check fails a service that only lost its cache; ours reports it as degraded
                settings.DisableTracing = !TelemetryDefaults.HasCollector(builder.Configuration); // profiling every command costs throughput
            },
            Configure);
        builder.Services.AddKeyedSingleton<IConnectionMultiplexer>(Background, (_, _) => Connect(connectionString, BackgroundMilliseconds));
        builder.Services.AddHealthChecks().AddCheck<RedisHealthCheck>("redis", HealthStatus.Degraded);
    }

    /// <returns>The error in a connection string, without quoting its password; null if it can be used.</returns>
    public static string? Problem(string connectionString)
    {
        const string Expected = "Expected HOST:PORT and options, such as localhost:6379,password=...";
        try
        {
            return ConfigurationOptions.Parse(connectionString).EndPoints.Count > 0
                ? null
                : $"The connection string '{ConnectionName}' names no server. {Expected}";
        }
        catch (ArgumentException e)
        {
            return $"The connection string '{ConnectionName}' is not valid: {e.Message} {Expected}";
        }
    }

    /// <summary>A connection like that for requests, but with a larger minimum command time-out.</summary>
    public static ConnectionMultiplexer Connect(string connectionString, int asyncMilliseconds)
    {
        var options = ConfigurationOptions.Parse(WithTimeLimits(connectionString));
        Configure(options);
        options.AsyncTimeout = Math.Max(options.AsyncTimeout, asyncMilliseconds);
        return ConnectionMultiplexer.Connect(options);
    }

    private static string WithTimeLimits(string connectionString) => $"{TimeLimits},{connectionString}"; // the later of two values applies

    /// <summary>A command that cannot be sent now fails immediately; the client reconnects in the background.</summary>
    private static void Configure(ConfigurationOptions options)
    {
        options.AbortOnConnectFail = false;
        options.AllowAdmin = true; // the client treats INFO, which reports Redis's configuration, as an admin command
        options.BacklogPolicy = BacklogPolicy.FailFast;
        options.HeartbeatInterval = TimeSpan.FromMilliseconds(500); // also how often time-outs are checked
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
