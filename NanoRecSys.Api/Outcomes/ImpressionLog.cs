using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using StackExchange.Redis;

namespace NanoRecSys.Api.Outcomes;

/// <summary>
/// Records which lists users were shown, and which of the items they took. A request only puts its answer into a bounded queue, or increments the count of
/// the same answer if it is still queued. The queue is written to Redis once a second, and before shown items are read. If the queue is full or Redis
/// unavailable, the record is lost and counted.
/// </summary>
internal sealed class ImpressionLog(
    IMeterFactory meters, IOptions<OutcomeOptions> options, IOptions<EventOptions> events, TimeProvider time, Outages outages,
    [FromKeyedServices(RedisConnection.Background)] IConnectionMultiplexer? redis = null) : BackgroundService
{
    public const int ListsPerUser = 20;
    private const int MostSurfaces = 100;
    private const string OtherSurface = "other";
    private const int Queued = 16_384;
    private const int LooksPerFlush = 10;
    private static readonly TimeSpan ReadPatience = TimeSpan.FromSeconds(2); // of a request for the background write
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100);

    private readonly Channel<Impression> _shown = Channel.CreateBounded<Impression>(Queued); // TryWrite fails when it is full
    private readonly Channel<Taken> _taken = Channel.CreateBounded<Taken>(Queued);
    private readonly SemaphoreSlim _flushing = new(1);
    private readonly HashSet<string> _surfaces = new(StringComparer.Ordinal); // chosen by clients: their number as tags and fields must be limited
    private readonly Counter<long> _impressions = meters.Create(RecommendationTelemetry.SourceName)
        .CreateCounter<long>("nanorecsys.impressions", "{item}", "Items shown to users");
    private readonly Counter<long> _outcomes = meters.Create(RecommendationTelemetry.SourceName)
        .CreateCounter<long>("nanorecsys.outcomes", "{item}", "Shown items that users took, by kind");
    private readonly Counter<long> _lost = meters.Create(RecommendationTelemetry.SourceName)
        .CreateCounter<long>("nanorecsys.impressions.lost", "{list}", "Lists and events that were not recorded as shown or taken");
    private readonly OutcomeOptions _options = options.Value;
    private readonly EventOptions _events = events.Value;

    private bool IsOn => redis is not null && _options.Window > TimeSpan.Zero;

    /// <summary>Records an answered list. Sessions have no user whose events could follow.</summary>
    public void Add(RecommendationRequest request, RecommendationResponse response, string version)
    {
        if (!IsOn || request.UserId is not { } user)
        {
            return;
        }

        CacheEntry entry = response.Entry!;
        DateTimeOffset now = time.GetUtcNow();
        if (entry.LastImpression?.TryRepeat(user, request.Surface, response.RequestId, now) == true)
        {
            return;
        }

        var shown = new Impression(user, version, request.Surface, entry.ItemIds, response.RequestId, now);
        if (_shown.Writer.TryWrite(shown))
        {
            entry.LastImpression = shown;
        }
        else
        {
            _lost.Add(1);
        }
    }

    /// <summary>Records a stored event.</summary>
    public void Add(EventDraft draft)
    {
        UserEvent happened = draft.Event;
        if (IsOn && _events.WeightOf(happened.Type) > 0 && time.GetUtcNow().ToUnixTimeSeconds() - happened.Timestamp <= _options.Window.TotalSeconds
            && !_taken.Writer.TryWrite(new Taken(draft.UserId, happened.ItemId, draft.RequestId, happened.Timestamp, _options.Conversions.Contains(happened.Type))))
        {
            _lost.Add(1);
        }
    }

    /// <summary>Items of the user's last lists; empty while Redis is unavailable.</summary>
    public async Task<IReadOnlyList<EntityId>> ReadItemsAsync(EntityId user, int lists)
    {
        if (!IsOn)
        {
            return [];
        }

        try
        {
            outages.RequireRedis();
            await FlushAsync().WaitAsync(ReadPatience, time);
            return [.. (await ReadAsync(redis!.GetDatabase(), user, lists).WaitAsync(ReadPatience, time)).SelectMany(list => list.Items).Distinct().Select(id => EntityId.Of(id))];
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            outages.ReportRedis(e);
            return [];
        }
    }

    /// <summary>Writes the queued records.</summary>
    public async Task FlushAsync()
    {
        await _flushing.WaitAsync();
        try
        {
            List<Taken> taken = Drain(_taken); // first: the lists they refer to were queued before them
            await WriteAsync(redis!.GetDatabase(), Drain(_shown));
            await AttributeAsync(redis!.GetDatabase(), taken);
        }
        finally
        {
            _flushing.Release();
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(LookEvery, time);
        for (int look = 1; IsOn && await timer.WaitForNextTickAsync(stoppingToken); look++)
        {
            if (look % LooksPerFlush == 0 || _shown.Reader.Count > Queued / 4)
            {
                await FlushAsync();
            }
        }
    }

    public override void Dispose()
    {
        _flushing.Dispose();
        base.Dispose();
    }

    private async Task WriteAsync(IDatabase database, List<Impression> shown)
    {
        var totals = new OutcomeTotals();
        var commands = new List<Task>();
        int lists = 0;
        foreach (IGrouping<EntityId, Impression> own in shown.GroupBy(list => list.User))
        {
            foreach (Impression list in own)
            {
                int times = list.Close();
                lists += times;
                totals.Add(list.Time, list.Version, Bounded(list.Surface), OutcomeTotals.Lists, times);
                totals.Add(list.Time, list.Version, Bounded(list.Surface), OutcomeTotals.Impressions, times * list.ItemCount);
            }

            string key = OutcomeKeys.Shown(own.Key);
            RedisValue[] newest = [.. own.OrderBy(list => list.Time).TakeLast(ListsPerUser).Select(list => (RedisValue)ShownList.Write(list, Bounded(list.Surface)))];
            commands.Add(TrimAsync(key, database.ListLeftPushAsync(key, newest)));
            commands.Add(database.KeyExpireAsync(key, _options.Window));
        }

        commands.AddRange(totals.Write(database));
        if (await TryAsync(commands, lists))
        {
            totals.Count(_impressions, _outcomes);
        }

        async Task TrimAsync(string key, Task<long> pushed)
        {
            if (await pushed > ListsPerUser * 3 / 2)
            {
                await database.ListTrimAsync(key, 0, ListsPerUser - 1);
            }
        }
    }

    // An impression counts once as a click and once as a conversion, however many events follow it.
    private async Task AttributeAsync(IDatabase database, List<Taken> taken)
    {
        var counted = new ConcurrentBag<(ShownList List, string Kind)>(); // the users' tasks run at the same time
        async Task AttributeUserAsync(IGrouping<EntityId, Taken> own)
        {
            ShownList[] lists = await ReadAsync(database, own.Key, ListsPerUser * 3 / 2);
            foreach (Taken item in own)
            {
                if ((lists.FirstOrDefault(item.Names) ?? lists.FirstOrDefault(list => item.Follows(list, _options.Window))) is not { } list)
                {
                    continue;
                }

                string[] kinds = item.IsConversion ? [OutcomeTotals.Clicks, OutcomeTotals.Conversions] : [OutcomeTotals.Clicks];
                foreach (string kind in kinds)
                {
                    if (await database.SetAddAsync(OutcomeKeys.Taken(own.Key), $"{list.Request}:{item.Item}:{kind}"))
                    {
                        counted.Add((list, kind));
                    }
                }

                await database.KeyExpireAsync(OutcomeKeys.Taken(own.Key), 2 * _options.Window);
            }
        }

        await TryAsync(taken.GroupBy(item => item.User).Select(AttributeUserAsync), taken.Count);
        var totals = new OutcomeTotals();
        foreach ((ShownList list, string kind) in counted)
        {
            totals.Add(DateTimeOffset.FromUnixTimeSeconds(list.Time), list.Version, list.Surface, kind, 1);
        }

        if (await TryAsync(totals.Write(database), counted.Count))
        {
            totals.Count(_impressions, _outcomes);
        }
    }

    // Failed records are lost: nothing waits for them.
    private async Task<bool> TryAsync(IEnumerable<Task> commands, int count)
    {
        try
        {
            if (count > 0)
            {
                outages.RequireRedis();
                await Task.WhenAll(commands);
            }

            return true;
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            _lost.Add(count);
            outages.ReportRedis(e);
            return false;
        }
    }

    private static async Task<ShownList[]> ReadAsync(IDatabase database, EntityId user, int lists) =>
        [.. (await database.ListRangeAsync(OutcomeKeys.Shown(user), 0, lists - 1)).Select(ShownList.Read).OfType<ShownList>()];

    private string Bounded(string surface) =>
        _surfaces.Contains(surface) || (_surfaces.Count < MostSurfaces && _surfaces.Add(surface)) ? surface : OtherSurface;

    private static List<T> Drain<T>(Channel<T> queue)
    {
        var all = new List<T>();
        while (all.Count < Queued && queue.Reader.TryRead(out T? item))
        {
            all.Add(item);
        }

        return all;
    }

    private readonly record struct Taken(EntityId User, EntityId Item, string? RequestId, long Timestamp, bool IsConversion)
    {
        public bool Names(ShownList list) => RequestId == list.Request && list.Items.Contains(Item.Text);

        // Client clocks may be slightly slow.
        public bool Follows(ShownList list, TimeSpan window) =>
            list.Items.Contains(Item.Text) && Timestamp >= list.Time - Clocks.AllowedSkew.TotalSeconds && Timestamp - list.Time <= window.TotalSeconds;
    }
}

/// <summary>Keys of outcomes in Redis; all of them expire.</summary>
internal static class OutcomeKeys
{
    /// <summary>A Redis list of the user's last shown lists, newest first; see <see cref="ShownList"/>.</summary>
    public static string Shown(EntityId user) => EventKeys.Of(user, "shown");

    /// <summary>A set: the user's impressions already counted as taken.</summary>
    public static string Taken(EntityId user) => EventKeys.Of(user, "taken");

    /// <summary>A hash: the totals of one day by version, surface and kind.</summary>
    public static string Totals(DateOnly day) => $"nanorecsys:outcomes:{day:yyyy-MM-dd}";
}

/// <summary>Counts by day, version, surface and kind.</summary>
internal sealed class OutcomeTotals
{
    public const string Lists = "lists";
    public const string Impressions = "impressions";
    public const string Clicks = "clicks";
    public const string Conversions = "conversions";
    public const int DaysKept = 90;
    private const char Between = '|'; // not allowed in versions and surfaces

    private readonly Dictionary<(DateOnly Day, string Version, string Surface, string Kind), long> _counts = [];

    public IEnumerable<(DateOnly Day, string Version, string Surface)> Groups => _counts.Keys.Select(key => (key.Day, key.Version, key.Surface)).Distinct();

    public void Add(DateTimeOffset time, string version, string surface, string kind, long count) =>
        Add((DateOnly.FromDateTime(time.UtcDateTime), version, surface, kind), count);

    public long Sum(string kind, Func<(DateOnly Day, string Version, string Surface, string Kind), bool> where) =>
        _counts.Where(count => count.Key.Kind == kind && where(count.Key)).Sum(count => count.Value);

    public IEnumerable<Task> Write(IDatabase database) => _counts.GroupBy(count => count.Key.Day).SelectMany(day => day
        .Select(count => (Task)database.HashIncrementAsync(OutcomeKeys.Totals(day.Key), string.Join(Between, count.Key.Version, count.Key.Surface, count.Key.Kind), count.Value))
        .Append(database.KeyExpireAsync(OutcomeKeys.Totals(day.Key), TimeSpan.FromDays(DaysKept))));

    public void Count(Counter<long> impressions, Counter<long> outcomes)
    {
        foreach (((_, string version, string surface, string kind), long count) in _counts.Where(count => count.Key.Kind != Lists))
        {
            KeyValuePair<string, object?>[] tags = [new("version", version), new("surface", surface), new("kind", kind)];
            (kind == Impressions ? impressions : outcomes).Add(count, kind == Impressions ? tags[..2] : tags);
        }
    }

    /// <summary>The totals of the last days.</summary>
    public static async Task<OutcomeTotals> ReadAsync(IDatabase database, DateOnly today, int days)
    {
        var totals = new OutcomeTotals();
        DateOnly[] wanted = [.. Enumerable.Range(0, days).Select(back => today.AddDays(-back))];
        HashEntry[][] stored = await Task.WhenAll(wanted.Select(day => database.HashGetAllAsync(OutcomeKeys.Totals(day))));
        foreach ((DateOnly day, HashEntry[] entries) in wanted.Zip(stored))
        {
            foreach (HashEntry entry in entries)
            {
                if (((string)entry.Name!).Split(Between) is [var version, var surface, var kind])
                {
                    totals.Add((day, version, surface, kind), (long)entry.Value);
                }
            }
        }

        return totals;
    }

    private void Add((DateOnly, string, string, string) key, long count) => _counts[key] = _counts.GetValueOrDefault(key) + count;
}
