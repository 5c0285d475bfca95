using System.Text.Json;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Events;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Telemetry;
using StackExchange.Redis;

namespace NanoRecSys.Api.Recommendations;

/// <param name="Answer">Null unless it was a hit.</param>
/// <param name="Result">One of <see cref="CacheResults"/>.</param>
/// <param name="Events">How many events the user has in Redis; null where Redis did not say.</param>
public readonly record struct CacheLookup(Answer? Answer, string Result, long? Events = null);

/// <summary>
/// Stages <c>cache.get</c> and <c>cache.set</c>: answers in Redis. A Redis that is away costs a count and a line in
/// the log, never a request.
/// </summary>
public sealed class RecommendationCache(
    EventStore events, RedisOutage outage, RequestCounters counters, IOptions<RecommendationOptions> options, IConnectionMultiplexer? redis = null)
{
    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="userId">
    /// Whose events must be those that the answer knew; asked in the same round trip. Null in a session.
    /// </param>
    public async ValueTask<CacheLookup> GetAsync(string key, int? userId)
    {
        if (redis is null)
        {
            return new CacheLookup(null, CacheResults.Off);
        }

        long? count = null;
        try
        {
            outage.RequireNoPause();
            Task<RedisValue> storing = redis.GetDatabase().StringGetAsync(key);
            Task<long> counting = userId is { } user ? events.CountAsync(user) : Task.FromResult(0L);
            await Task.WhenAll(storing, counting);
            count = await counting;
            Answer? answer = Read(await storing);
            bool hit = answer is not null && answer.Events == count;
            counters.CountCacheLookup(hit);
            return hit ? new CacheLookup(answer, CacheResults.Hit, count) : new CacheLookup(null, CacheResults.Miss, count);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            outage.Report(e);
            return new CacheLookup(null, CacheResults.Error);
        }
        catch (JsonException e)
        {
            outage.Report(e);
            return new CacheLookup(null, CacheResults.Miss, count); // so that a fresh answer takes its place
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
            outage.RequireNoPause();
            byte[] stored = JsonSerializer.SerializeToUtf8Bytes(answer, CacheJson.Default.Answer);
            await redis.GetDatabase().StringSetAsync(key, stored, options.Value.CacheLifetime);
            return true;
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            outage.Report(e);
            return false;
        }
    }

    private static Answer? Read(RedisValue stored) =>
        stored.IsNull ? null : JsonSerializer.Deserialize((byte[])stored!, CacheJson.Default.Answer);
}
