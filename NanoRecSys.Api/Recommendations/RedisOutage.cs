using NanoRecSys.Api.Status;
using StackExchange.Redis;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The one place where a request decides to go on without Redis: counts it, and says so now and then.</summary>
public sealed class RedisOutage(RequestCounters counters, TimeProvider time, ILogger<RedisOutage> logger)
{
    // After a time-out the next requests do not wait for the same silence.
    private static readonly TimeSpan PauseAfterTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WarnEvery = TimeSpan.FromSeconds(10);

    private long _pausedUntil;
    private long _warnAgainAt;

    /// <exception cref="TimeoutException">Redis was silent a moment ago.</exception>
    public void RequireNoPause()
    {
        if (time.GetTimestamp() < Volatile.Read(ref _pausedUntil))
        {
            throw new TimeoutException("Redis did not answer in time a moment ago.");
        }
    }

    public void Report(Exception e)
    {
        ArgumentNullException.ThrowIfNull(e);
        counters.CountCacheError();
        long now = time.GetTimestamp();
        if (e is RedisTimeoutException)
        {
            Volatile.Write(ref _pausedUntil, now + Ticks(PauseAfterTimeout));
        }

        long warnAt = Volatile.Read(ref _warnAgainAt);
        if (now >= warnAt && Interlocked.CompareExchange(ref _warnAgainAt, now + Ticks(WarnEvery), warnAt) == warnAt)
        {
            logger.LogWarning("Redis fails, requests are computed without it: {Reason} ({Errors} errors so far)", e.Message, counters.CacheErrors);
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
