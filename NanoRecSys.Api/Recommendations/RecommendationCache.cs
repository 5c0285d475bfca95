using Microsoft.Extensions.Options;
using NanoRecSys.Api.Events;
using NanoRecSys.Api.Status;
using NanoRecSys.Api.Telemetry;
using NanoRecSys.Core.Events;
using StackExchange.Redis;

namespace NanoRecSys.Api.Recommendations;

/// <param name="Answer">Null unless it was a hit.</param>
/// <param name="Result">One of <see cref="CacheResults"/>.</param>
/// <param name="Events">The user's, where it was no hit; null where Redis did not say.</param>
/// <param name="Stamp">What was known of the user's events before; null where this process hears nothing of them.</param>
/// <param name="Source">One of <see cref="CacheSources"/>; null unless it was a hit.</param>
public readonly record struct CacheLookup(
    StoredAnswer? Answer, string Result, IReadOnlyList<UserEvent>? Events = null, long? Stamp = null, string? Source = null);

/// <summary>
/// Stages <c>cache.get</c> and <c>cache.set</c>: answers in this process, and behind it in Redis, in one round trip with
/// the user's events. A Redis that is away costs a count and a line in the log, never a request.
/// </summary>
public sealed class RecommendationCache(
    EventStore events, EventNotices notices, AnswerMemory memory, RedisOutage outage, RequestCounters counters, IOptions<RecommendationOptions> options,
    IConnectionMultiplexer? redis = null)
{
    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="userId">Whose events must be those that the answer knew. Null in a session.</param>
    public ValueTask<CacheLookup> GetAsync(string key, int? userId)
    {
        if (redis is null)
        {
            return new(new CacheLookup(null, CacheResults.Off));
        }

        long? stamp = notices.StampOf(userId);
        if (stamp is { } now && memory.Get(key, now) is { } known)
        {
            counters.CountCacheLookup(hit: true);
            return new(new CacheLookup(known, CacheResults.Hit, Source: CacheSources.Memory));
        }

        return AskAsync(redis.GetDatabase(), key, userId, stamp);
    }

    /// <summary>Keeps an answer; Redis gets it without being waited for.</summary>
    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="lookup">Which did not find it.</param>
    /// <param name="answer">Made since.</param>
    public void Set(string key, CacheLookup lookup, StoredAnswer answer)
    {
        ArgumentNullException.ThrowIfNull(answer);
        if (redis is null)
        {
            return;
        }

        if (lookup.Stamp is { } stamp)
        {
            memory.Keep(key, stamp, answer);
        }

        _ = StoreAsync(redis.GetDatabase(), key, answer);
    }

    private async ValueTask<CacheLookup> AskAsync(IDatabase database, string key, int? userId, long? stamp)
    {
        try
        {
            outage.RequireNoPause();
            Task<RedisValue> storing = database.StringGetAsync(key);
            Task<RedisValue[]> happening = userId is { } user ? events.ValuesAsync(user) : Task.FromResult<RedisValue[]>([]);
            await Task.WhenAll(storing, happening);
            RedisValue[] values = await happening;
            StoredAnswer? answer = Read(await storing);
            bool hit = answer is not null && answer.Events == values.Length;
            counters.CountCacheLookup(hit);
            if (!hit)
            {
                return new CacheLookup(null, CacheResults.Miss, EventStore.Read(values), stamp);
            }

            if (stamp is { } before)
            {
                memory.Keep(key, before, answer!);
            }

            return new CacheLookup(answer, CacheResults.Hit, Source: CacheSources.Redis);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidDataException)
        {
            outage.Report(e);
            return new CacheLookup(null, CacheResults.Error);
        }
    }

    // Damage is counted, and the answer computed anew takes its place.
    private StoredAnswer? Read(RedisValue stored)
    {
        try
        {
            return stored.IsNull ? null : StoredAnswer.Read((byte[])stored!);
        }
        catch (InvalidDataException e)
        {
            outage.Report(e);
            return null;
        }
    }

    private async Task StoreAsync(IDatabase database, string key, StoredAnswer answer)
    {
        try
        {
            outage.RequireNoPause();
            await database.StringSetAsync(key, answer.Bytes, options.Value.CacheLifetime);
        }
        catch (Exception e) when (e is RedisException or TimeoutException)
        {
            outage.Report(e);
        }
    }
}
