using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.ML.OnnxRuntime;
using StackExchange.Redis;

namespace NanoRecSys.Api.Pipeline;

/// <param name="Entry">Null unless it was a hit.</param>
/// <param name="Result">One of <see cref="CacheResults"/>.</param>
/// <param name="Events">State of the user's events, if it was not a hit; null if Redis did not answer.</param>
/// <param name="Stamp">From <see cref="EventNotices"/>, before the lookup; null if this process receives no notices.</param>
/// <param name="Source">One of <see cref="CacheSources"/>; null unless it was a hit.</param>
internal readonly record struct CacheLookup(
    CacheEntry? Entry, string Result, EventsState? Events = null, long? Stamp = null, string? Source = null);

/// <summary>
/// Stages <c>cache.get</c> and <c>cache.set</c>: entries in this process and, behind it, in Redis, read in one round trip with
/// the state of the user's events. If Redis is unavailable, the error is counted and logged, and the request goes on without it.
/// </summary>
internal sealed class RecommendationCache(
    EventStore events, EventNotices notices, CacheMemory memory, Outages outages, RequestCounters counters, IOptions<RecommendationOptions> options,
    IConnectionMultiplexer? redis = null)
{
    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="userId">The user whose events the entry must reflect. Null for a session.</param>
    public ValueTask<CacheLookup> GetAsync(string key, EntityId? userId)
    {
        if (redis is null)
        {
            return new(new CacheLookup(null, CacheResults.Off, default(EventsState)));
        }

        long? stamp = notices.StampOf(userId);
        if (stamp is { } now && memory.Get(key, now) is { } known)
        {
            counters.CountCacheLookup(hit: true);
            return new(new CacheLookup(known, CacheResults.Hit, Source: CacheSources.Memory));
        }

        return AskAsync(redis.GetDatabase(), key, userId, stamp);
    }

    /// <summary>Stores an entry; does not wait for Redis.</summary>
    /// <param name="key">See <see cref="CacheKey"/>.</param>
    public void Set(string key, CacheLookup lookup, CacheEntry entry)
    {
        if (redis is null)
        {
            return;
        }

        if (lookup.Stamp is { } stamp)
        {
            memory.Keep(key, stamp, entry);
        }

        _ = StoreAsync(redis.GetDatabase(), key, entry);
    }

    private async ValueTask<CacheLookup> AskAsync(IDatabase database, string key, EntityId? userId, long? stamp)
    {
        try
        {
            outages.RequireRedis();
            (EventsState state, RedisValue stored) = userId is { } user ? await events.StateAsync(user, key) : (default, await database.StringGetAsync(key));
            CacheEntry? entry = Read(stored);
            bool hit = entry is not null && entry.EventsStamp == state.Stamp;
            counters.CountCacheLookup(hit);
            if (!hit)
            {
                return new CacheLookup(null, CacheResults.Miss, state, stamp);
            }

            if (stamp is { } before)
            {
                memory.Keep(key, before, entry!);
            }

            return new CacheLookup(entry, CacheResults.Hit, Source: CacheSources.Redis);
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            outages.ReportRedis(e);
            return new CacheLookup(null, CacheResults.Error);
        }
    }

    /// <summary>The events of a user whose entry was not found.</summary>
    public async ValueTask<UserEvents> ReadEventsAsync(EntityId? userId, CacheLookup lookup)
    {
        if (userId is not { } user)
        {
            return UserEvents.None;
        }

        try
        {
            return lookup.Events is { } state ? await events.ReadAsync(user, state) : events.Unread(user);
        }
        catch (Exception e) when (RedisFailure.Is(e) || e is InvalidDataException)
        {
            outages.ReportRedis(e);
            return events.Unread(user);
        }
    }

    /// <summary>Deletes a user's entries in Redis. The user's notice invalidates those in memory.</summary>
    public async Task DeleteAsync(EntityId userId)
    {
        try
        {
            await foreach (RedisKey key in EventKeys.ScanAsync(redis!, CacheKey.PatternOf(userId)))
            {
                await redis!.GetDatabase().KeyDeleteAsync(key);
            }
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            outages.ReportRedis(e); // never served again; they expire
        }
    }

    // A damaged entry is counted and recomputed.
    private CacheEntry? Read(RedisValue stored)
    {
        try
        {
            return stored.IsNull ? null : CacheEntry.Read((byte[])stored!);
        }
        catch (InvalidDataException e)
        {
            outages.ReportRedis(e);
            return null;
        }
    }

    private async Task StoreAsync(IDatabase database, string key, CacheEntry entry)
    {
        try
        {
            outages.RequireRedis();
            await database.StringSetAsync(key, entry.Bytes, options.Value.CacheLifetime);
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            outages.ReportRedis(e);
        }
    }
}

/// <summary>Builds a key from everything that an entry depends on: the model, the user or session, and every option.</summary>
internal static class CacheKey
{
    // Increase whenever the stored form of an entry changes, so that a new release does not read old entries.
    private const int Format = 7;
    private const string Prefix = "nanorecsys:answer:";

    /// <summary>Matches the keys of all entries of a user.</summary>
    public static string PatternOf(EntityId userId) => $"{Prefix}*:{User(userId)}:*";

    /// <param name="candidates">See <see cref="RecommendationOptions.Candidates"/>.</param>
    /// <param name="catalog">Provides the items' state: see <see cref="ServedCatalog.Hash"/> and <see cref="Availability.Since"/>.</param>
    public static string Of(RecommendationRequest request, string version, int candidates, ServedCatalog? catalog = null)
    {
        string user = request.ItemIds is { } items ? $"s{Hash($"{IdText.Of(items)};{string.Join(',', request.Times ?? [])}")}"
            : request.UserId is { } id ? User(id)
            : "i";
        string view = request.InView is { } item ? $":v{Uri.EscapeDataString(item.Text)}" : "";
        string filter = request.Filter is { } filters ? $":f{Hash(filters.Fingerprint)}" : "";
        string order = request.IsReordered ? $":d{request.Diversity}:p{request.PopularityPenalty}" : "";
        string rules = request is { Boosts.Count: 0, Pins.Count: 0 } ? "" : $":r{Hash(Rules(request))}";
        string inForce = request.Rules is { } stored ? $":R{stored.Fingerprint}" : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{Prefix}{Format}:{version}:{user}:{(request.ShowsMovies ? "m" : "i")}k{request.K}:o{request.Offset}:e{(request.Explain ? 1 : 0)}:h{(request.IncludeHistory ? 1 : 0)}"
            + $":c{candidates}:n{catalog?.Hash ?? 0}:a{catalog?.Availability.Since ?? 0}{view}{filter}{order}{rules}{inForce}");
    }

    private static string Rules(RecommendationRequest request) =>
        string.Join('+', request.Boosts.Select(boost => $"{boost.Factor}*{boost.Items.Fingerprint}").Order(StringComparer.Ordinal)) + ";"
        + string.Join(',', request.Pins.OrderBy(pin => pin.Position).Select(pin => $"{pin.Position}={Uri.EscapeDataString(pin.ItemId.Text)}"));

    // Puts the entry on the node of the user's events, to be read with them.
    private static string User(EntityId id) => "u" + EventKeys.Tag(id);

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}

/// <summary>
/// The entries that this process used recently, in front of Redis and limited in bytes. Each has the stamp of its user's
/// events (<see cref="EventNotices"/>) and is out of date if that changes. An entry that was computed from events is compared with Redis
/// again after <see cref="TrustedFor"/>, because other programs that delete events there send no notice. In a cluster all entries are: a heartbeat
/// received through one node does not prove that notices arrive through the others.
/// </summary>
internal sealed class CacheMemory(IOptions<RecommendationOptions> options, TimeProvider time, IConnectionMultiplexer? redis = null)
{
    private const int NoSlot = -1; // returned by the client if there is no cluster
    private const int EntryBytes = 250; // approximate overhead of an entry: objects, dictionary and queue
    private static readonly TimeSpan TrustedFor = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Kept> _entries = new(StringComparer.Ordinal);
    private readonly Queue<Kept> _order = new();
    private readonly Lock _writing = new();
    private long _bytes;

    public long Bytes => Interlocked.Read(ref _bytes); // in use, including replaced entries not evicted yet

    /// <returns>Null if there is none, or if it is out of date.</returns>
    public CacheEntry? Get(string key, long stamp)
    {
        if (!_entries.TryGetValue(key, out Kept? kept) || kept.Stamp != stamp || kept.Until <= time.GetUtcNow())
        {
            return null;
        }

        kept.IsUsed = true;
        return kept.Entry;
    }

    /// <param name="key">See <see cref="CacheKey"/>.</param>
    /// <param name="stamp">Taken before the user's events were read.</param>
    public void Keep(string key, long stamp, CacheEntry entry)
    {
        int bytes = 2 * key.Length + entry.Bytes.Length + EntryBytes;
        if (bytes > options.Value.MemoryBytes)
        {
            return;
        }

        DateTimeOffset until = entry.Created + options.Value.CacheLifetime;
        DateTimeOffset trusted = entry.EventsStamp == 0 && redis?.GetHashSlot(key) is null or NoSlot ? until : time.GetUtcNow() + TrustedFor;
        until = trusted < until ? trusted : until;
        if (_entries.TryGetValue(key, out Kept? known) && known.Stamp == stamp && known.Entry.Bytes.AsSpan().SequenceEqual(entry.Bytes))
        {
            known.Until = until;
            return;
        }

        var kept = new Kept(key, stamp, entry, bytes) { Until = until };
        lock (_writing)
        {
            _entries[key] = kept;
            _order.Enqueue(kept);
            _bytes += bytes;
            while (_bytes > options.Value.MemoryBytes)
            {
                EvictOne();
            }
        }
    }

    // Second chance (CLOCK): evicts the oldest, unless it was used since the last check.
    private void EvictOne()
    {
        Kept oldest = _order.Dequeue();
        bool isCurrent = _entries.TryGetValue(oldest.Key, out Kept? current) && ReferenceEquals(current, oldest);
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

    private sealed record Kept(string Key, long Stamp, CacheEntry Entry, int Bytes)
    {
        public DateTimeOffset Until { get; set; }
        public bool IsUsed { get; set; }
    }
}

/// <summary>The only place where a request decides to go on without Redis or the network; counts and logs it.</summary>
internal sealed class Outages(RequestCounters counters, StoreHealth health, TimeProvider time, ILogger<Outages> logger)
{
    private const int WarnSeconds = 10;

    private long _warnAgainAt;

    /// <summary>Prevents requests from waiting for a Redis that hangs. A single slow command does not mean that others are slow.</summary>
    /// <exception cref="TimeoutException">Redis does not answer even the smallest command.</exception>
    public void RequireRedis()
    {
        if (health.IsSilent)
        {
            throw new TimeoutException("Redis does not answer in time.");
        }
    }

    public void ReportRedis(Exception e)
    {
        counters.CountCacheError();
        long now = time.GetTimestamp();
        long warnAt = Volatile.Read(ref _warnAgainAt);
        if (now >= warnAt && Interlocked.CompareExchange(ref _warnAgainAt, now + (WarnSeconds * time.TimestampFrequency), warnAt) == warnAt)
        {
            logger.LogWarning("Redis failed; requests are computed without it: {Reason} ({Errors} errors so far)", e.Message, counters.CacheErrors);
        }
    }

    /// <returns>The network's result; null if it failed.</returns>
    public T? TryModel<T>(ModelSnapshot model, string requestId, Func<T> compute)
        where T : class
    {
        try
        {
            return compute();
        }
        catch (OnnxRuntimeException e)
        {
            logger.LogError(e, "Model {Version} failed in request {RequestId}", model.Version, requestId);
            counters.CountModelError();
            return null;
        }
    }
}
