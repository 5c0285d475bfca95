using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// Watches the Redis server with the events: whether it answers, accepts writes, is configured to persist them, and is still the same
/// store. A random id in Redis, the epoch, shows the latter: a store that was emptied or replaced has a different one.
/// </summary>
internal sealed class StoreHealth(TimeProvider time, ILogger<StoreHealth> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LogInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan InspectInterval = TimeSpan.FromMinutes(1); // a clock may be corrected at any time

    private static readonly string[] AllWrites = ["OOM ", "READONLY ", "NOREPLICAS ", "MISCONF ", "CLUSTERDOWN ", "It is a read-only replica."];

    private readonly Lock _logging = new();
    private string? _epoch;
    private bool _isInspected;
    private long _inspectedAt;
    private TimeSpan _skew;
    private volatile bool _isSilent;
    private volatile bool _isAnswering;
    private volatile string? _probeRefusal;
    private volatile string? _writeRefusal;
    private volatile string? _replacement;
    private volatile IReadOnlyList<string> _findings = [];
    private long _refusals;
    private long? _loggedAt;

    /// <summary>Whether Redis times out, so that further commands would only wait.</summary>
    public bool IsSilent => _isSilent;

    /// <summary>Whether Redis answered the latest probe.</summary>
    public bool IsAnswering => _isAnswering;

    /// <summary>Whether Redis answers but does not store events and items.</summary>
    public bool IsRefusing => (_writeRefusal ?? _probeRefusal) is not null;

    /// <summary>This machine's time, or Redis's if they differ by more than five minutes, so that one wrong clock does not date events in the future.</summary>
    public DateTimeOffset UtcNow => time.GetUtcNow() - _skew;

    /// <summary>Warnings for the status document.</summary>
    public IEnumerable<string> Warnings
    {
        get
        {
            if ((_writeRefusal ?? _probeRefusal) is { } reason)
            {
                yield return $"Redis refuses writes, so events and changes of items are refused: {reason}";
            }

            if (_replacement is { } replacement)
            {
                yield return replacement;
            }

            foreach (string finding in _findings)
            {
                yield return finding;
            }
        }
    }

    public void ReportWritten() => _writeRefusal = null;

    /// <summary>Counts a write that was refused or not confirmed, and logs it at most every ten seconds.</summary>
    public void ReportRefusal(string reason, bool isRefused)
    {
        // A key of another type affects only one user.
        _writeRefusal = isRefused && !reason.StartsWith("WRONGTYPE", StringComparison.Ordinal) ? reason : _writeRefusal;
        lock (_logging)
        {
            _refusals++;
            long now = time.GetTimestamp();
            if (_loggedAt is not { } before || time.GetElapsedTime(before, now) >= LogInterval)
            {
                _loggedAt = now;
                logger.LogWarning("Events or items were not stored: {Reason} ({Refusals} requests so far)", reason, _refusals);
            }
        }
    }

    /// <returns>Why Redis refuses writes now, because the client's transactions hide the reason; null if it does not.</returns>
    public async Task<string?> FindRefusalAsync(IDatabase database)
    {
        await ProbeAsync(database);
        return _probeRefusal;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        redis.ConnectionRestored += (_, _) => _isInspected = false; // it may be another server now
        using var timer = new PeriodicTimer(ProbeInterval);
        do
        {
            await ProbeAsync(redis.GetDatabase());
            if (_isAnswering && (!_isInspected || time.GetElapsedTime(_inspectedAt) >= InspectInterval))
            {
                (_isInspected, _inspectedAt) = (true, time.GetTimestamp());
                await InspectAsync(redis);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // Redis checks whether writes are allowed before it evaluates NX, so setting an existing key tests this without writing.
    private async Task ProbeAsync(IDatabase database)
    {
        Task<bool> writing = database.StringSetAsync(EventKeys.Epoch, Guid.NewGuid().ToString("N"), when: When.NotExists);
        try
        {
            string? epoch = await database.StringGetAsync(EventKeys.Epoch);
            (_isSilent, _isAnswering) = (false, true);
            Compare(epoch);
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            _isSilent = e is TimeoutException;
            _isAnswering = false;
            _probeRefusal = e is RedisServerException ? e.Message : null;
            _writeRefusal = e is RedisServerException ? _writeRefusal : null; // after an outage the state is unknown
        }

        try
        {
            await writing;
            _writeRefusal = ConcernsAllWrites(_writeRefusal) ? null : _writeRefusal;
            _probeRefusal = null;
        }
        catch (RedisServerException e)
        {
            _probeRefusal = e.Message;
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            // The client does not send writes to a replica.
            _probeRefusal = _isAnswering && redis!.GetServers().All(server => server.IsReplica) ? "It is a read-only replica." : null;
        }
        catch (TimeoutException)
        {
        }
    }

    // For these, a successful probe means the problem is over. For a missing permission, only a successful command does.
    private static bool ConcernsAllWrites(string? refusal) =>
        refusal is not null && AllWrites.Any(code => refusal.StartsWith(code, StringComparison.Ordinal));

    private void Compare(string? epoch)
    {
        if (epoch is null || epoch == _epoch)
        {
            return;
        }

        if (_epoch is not null)
        {
            _replacement = $"Redis was emptied or replaced at {time.GetUtcNow():u}: events and items that were stored before may be lost.";
            _isInspected = false;
            logger.LogWarning("{Replacement}", _replacement);
        }

        _epoch = epoch;
    }

    /// <summary>Checks the clock and the configuration. Servers that do not report them (Garnet, some managed ones) are assumed to be right.</summary>
    private async Task InspectAsync(IConnectionMultiplexer connection)
    {
        var findings = new HashSet<string>();
        try
        {
            IServer[] servers = [.. connection.GetServers().Where(server => server.IsConnected)];
            TimeSpan skew = time.GetUtcNow() - await servers.First().TimeAsync();
            _skew = skew.Duration() > Clocks.AllowedSkew ? skew : TimeSpan.Zero;
            if (_skew != TimeSpan.Zero)
            {
                findings.Add($"The clock of this machine differs by {skew.TotalSeconds:F0} s from Redis's clock: the time of Redis is used for events.");
            }

            foreach (IServer server in servers)
            {
                var settings = (await server.InfoAsync()).SelectMany(section => section).ToLookup(setting => setting.Key, setting => setting.Value);
                if (settings["aof_enabled"].FirstOrDefault() == "0")
                {
                    findings.Add("Redis does not keep events on disk (appendonly no). Start it with --appendonly yes --appendfsync always.");
                }

                if (settings["maxmemory_policy"].FirstOrDefault() is { } policy && policy.StartsWith("allkeys", StringComparison.Ordinal))
                {
                    findings.Add($"Redis may evict events (maxmemory-policy {policy}). Use volatile-lru or noeviction.");
                }
            }
        }
        catch (Exception e) when (RedisFailure.Is(e) || e is InvalidOperationException)
        {
            logger.LogDebug("The persistence settings of Redis are unknown: {Reason}", e.Message);
        }

        foreach (string finding in findings.Except(_findings))
        {
            logger.LogWarning("{Finding}", finding);
        }

        _findings = [.. findings];
    }
}

/// <summary>
/// Follows data in Redis that replicas change together: receives a notice of each change, and also checks every second in case a notice
/// was missed. While Redis fails, the last read data stays in force; the first failure of a kind is logged as a warning.
/// </summary>
internal static class StoreWatch
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);

    /// <summary>Receives a channel's messages, one after the other. The client subscribes whenever it connects, also after a failed call, whose handler it
    /// keeps: calling again would add another one.</summary>
    public static async Task ReceiveAsync(this IConnectionMultiplexer redis, RedisChannel channel, Action<RedisValue> receive)
    {
        ChannelMessageQueue messages = await redis.GetSubscriber().SubscribeAsync(channel, CommandFlags.FireAndForget);
        messages.OnMessage(message => receive(message.Message));
    }

    /// <param name="failed">Logs why a check failed.</param>
    public static async Task RunAsync(
        IConnectionMultiplexer redis, RedisChannel channel, Action<RedisValue> receive, Func<IDatabase, Task> look, Action<LogLevel, string> failed,
        CancellationToken stoppingToken)
    {
        await redis.ReceiveAsync(channel, receive);
        using var timer = new PeriodicTimer(LookInterval);
        Type? failure = null;
        do
        {
            try
            {
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
