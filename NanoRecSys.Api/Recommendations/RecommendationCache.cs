using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;
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
internal readonly record struct CacheLookup(
    StoredAnswer? Answer, string Result, IReadOnlyList<UserEvent>? Events = null, long? Stamp = null, string? Source = null);

/// <summary>
/// Stages <c>cache.get</c> and <c>cache.set</c>: answers in this process, and behind it in Redis, in one round trip with
/// the user's events. A Redis that is away costs a count and a line in the log, never a request.
/// </summary>
internal sealed class RecommendationCache(
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

/// <summary>Names an answer in the cache by everything that it depends on: model, who asks, and every option.</summary>
internal static class CacheKey
{
    // Raised whenever an answer's stored form changes, so that a new release does not read an old one's.
    private const int Format = 4;

    /// <param name="query">Who asks for what.</param>
    /// <param name="version">Of the model.</param>
    /// <param name="candidates">The setting.</param>
    /// <param name="newMovies">How many movies the catalog holds beside the model's.</param>
    public static string Of(RecommendationQuery query, string version, int candidates, int newMovies = 0)
    {
        string who = query.Session is { } session ? $"s{Hash($"{string.Join(',', session.MovieIds)};{string.Join(',', session.Times ?? [])}")}" : $"u{query.UserId}";
        string filter = query.Filter.Fingerprint is { Length: > 0 } text ? $":f{Hash(text)}" : "";
        string shape = query.Shape.IsNone ? "" : string.Create(CultureInfo.InvariantCulture, $":d{query.Shape.Diversity}:p{query.Shape.PopularityPenalty}");
        return string.Create(CultureInfo.InvariantCulture,
            $"nanorecsys:answer:{Format}:{version}:{who}:k{query.K}:e{(query.Explain ? 1 : 0)}:h{(query.IncludeHistory ? 1 : 0)}:c{candidates}:n{newMovies}{filter}{shape}");
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}

/// <summary>The two parts of a response; see <see cref="CacheKey"/> before changing the answer's.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(Answer))]
[JsonSerializable(typeof(RequestPart))]
internal sealed partial class CacheJson : JsonSerializerContext;

/// <summary>
/// The answers that this process sent lately, in front of Redis and bounded in bytes. Each carries the stamp of what was
/// known of its user's events (<see cref="Events.EventNotices"/>); with another stamp it is out of date.
/// </summary>
internal sealed class AnswerMemory(IOptions<RecommendationOptions> options, TimeProvider time)
{
    private const int EntryBytes = 250; // objects, dictionary and queue around an answer, roughly

    private readonly ConcurrentDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly Queue<Entry> _order = new();
    private readonly Lock _writing = new();
    private long _bytes;

    /// <summary>What is held, including what was replaced and waits to be let go.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <returns>Null where there is none, or its stamp or lifetime is over.</returns>
    public StoredAnswer? Get(string key, long stamp)
    {
        if (!_entries.TryGetValue(key, out Entry? entry) || entry.Stamp != stamp || entry.Until <= time.GetUtcNow())
        {
            return null;
        }

        entry.IsUsed = true;
        return entry.Answer;
    }

    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="stamp">Taken before the user's events were read.</param>
    /// <param name="answer">Made of those.</param>
    public void Keep(string key, long stamp, StoredAnswer answer)
    {
        int bytes = 2 * key.Length + answer.Bytes.Length + EntryBytes;
        if (bytes > options.Value.MemoryBytes)
        {
            return;
        }

        var entry = new Entry(key, stamp, answer, bytes, answer.Made + options.Value.CacheLifetime);
        lock (_writing)
        {
            _entries[key] = entry;
            _order.Enqueue(entry);
            _bytes += bytes;
            while (_bytes > options.Value.MemoryBytes)
            {
                LetOneGo();
            }
        }
    }

    // Second chance (CLOCK): the oldest goes, unless it was used since it was looked at last.
    private void LetOneGo()
    {
        Entry oldest = _order.Dequeue();
        bool isCurrent = _entries.TryGetValue(oldest.Key, out Entry? current) && ReferenceEquals(current, oldest);
        if (isCurrent && oldest.IsUsed)
        {
            oldest.IsUsed = false;
            _order.Enqueue(oldest);
            return;
        }

        _bytes -= oldest.Bytes;
        if (isCurrent)
        {
            _entries.TryRemove(oldest.Key, out _);
        }
    }

    private sealed record Entry(string Key, long Stamp, StoredAnswer Answer, int Bytes, DateTimeOffset Until)
    {
        public bool IsUsed { get; set; }
    }
}

/// <summary>Requests for the same answer at the same time: one computes, the others take what it found.</summary>
internal sealed class SharedComputations
{
    private readonly ConcurrentDictionary<string, Task<Computed>> _running = new(StringComparer.Ordinal);

    /// <param name="key">Everything that the answer depends on.</param>
    /// <param name="compute">Called where nobody computes it yet.</param>
    /// <param name="wait">Called around another request's computation.</param>
    public async Task<Computed> RunAsync(string key, Func<Task<Computed>> compute, Func<Task<Computed>, Task<Computed>> wait)
    {
        var mine = new TaskCompletionSource<Computed>(TaskCreationOptions.RunContinuationsAsynchronously);
        Task<Computed> running = _running.GetOrAdd(key, mine.Task);
        if (running != mine.Task)
        {
            return await wait(running);
        }

        try
        {
            Computed computed = await compute();
            mine.SetResult(computed);
            return computed;
        }
        catch (Exception e)
        {
            mine.SetException(e);
            _ = mine.Task.Exception; // seen: nobody may have waited for it
            throw;
        }
        finally
        {
            _running.TryRemove(key, out _);
        }
    }
}

/// <summary>The one place where a request decides to go on without Redis: counts it, and says so now and then.</summary>
internal sealed class RedisOutage(RequestCounters counters, TimeProvider time, ILogger<RedisOutage> logger)
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
