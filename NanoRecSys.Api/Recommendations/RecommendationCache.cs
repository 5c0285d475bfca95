using System.Text.Json;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Telemetry;
using StackExchange.Redis;

namespace NanoRecSys.Api.Recommendations;

/// <param name="Answer">Null unless it was a hit.</param>
/// <param name="Result">One of <see cref="CacheResults"/>.</param>
public readonly record struct CacheLookup(Answer? Answer, string Result);

/// <summary>
/// Stages <c>cache.get</c> and <c>cache.set</c>: answers in Redis. A Redis that is away costs a count and a line in
/// the log, never a request.
/// </summary>
public sealed class RecommendationCache(
    IOptions<RecommendationOptions> options, RequestCounters counters, TimeProvider time, ILogger<RecommendationCache> logger,
    IConnectionMultiplexer? redis = null)
{
    // After a time-out the next requests do not wait for the same silence.
    private static readonly TimeSpan PauseAfterTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WarnEvery = TimeSpan.FromSeconds(10);

    private long _pausedUntil;
    private long _warnAgainAt;

    public async ValueTask<CacheLookup> GetAsync(string key)
    {
        if (redis is null)
        {
            return new CacheLookup(null, CacheResults.Off);
        }

        try
        {
            RequireNoPause();
            RedisValue stored = await redis.GetDatabase().StringGetAsync(key);
            Answer? answer = stored.IsNull ? null : JsonSerializer.Deserialize((byte[])stored!, CacheJson.Default.Answer);
            counters.CountCacheLookup(hit: answer is not null);
            return answer is null ? new CacheLookup(null, CacheResults.Miss) : new CacheLookup(answer, CacheResults.Hit);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Degrade(e);
            return new CacheLookup(null, CacheResults.Error);
        }
        catch (JsonException e)
        {
            Degrade(e);
            return new CacheLookup(null, CacheResults.Miss); // so that a fresh answer takes its place
        }
    }

    /// <returns>False where the answer could not be kept.</returns>
    public async ValueTask<bool> SetAsync(string key, Answer answer)
    {
        if (redis is null)
        {
            return true;
        }

        try
        {
            RequireNoPause();
            byte[] stored = JsonSerializer.SerializeToUtf8Bytes(answer, CacheJson.Default.Answer);
            await redis.GetDatabase().StringSetAsync(key, stored, options.Value.CacheLifetime);
            return true;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            Degrade(e);
            return false;
        }
    }

    private void RequireNoPause()
    {
        if (time.GetTimestamp() < Volatile.Read(ref _pausedUntil))
        {
            throw new TimeoutException("Redis did not answer in time a moment ago.");
        }
    }

    // The one place where the service decides to go on without its cache.
    private void Degrade(Exception e)
    {
        counters.CountCacheError();
        long now = time.GetTimestamp();
        if (e is RedisTimeoutException)
        {
            Volatile.Write(ref _pausedUntil, now + Ticks(PauseAfterTimeout));
        }

        long warnAt = Volatile.Read(ref _warnAgainAt);
        if (now >= warnAt && Interlocked.CompareExchange(ref _warnAgainAt, now + Ticks(WarnEvery), warnAt) == warnAt)
        {
            logger.LogWarning("The cache fails, requests are computed: {Reason} ({Errors} errors so far)", e.Message, counters.CacheErrors);
        }
    }

    private long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
}
