using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using NanoRecSys.Core.Items;
using StackExchange.Redis;

namespace NanoRecSys.Api.Items;

/// <summary>
/// Changes to items since the training, kept in Redis and in this process. A record stored by another replica arrives with its notice. In addition,
/// the hash in Redis is read one page per second and compared by content; it is read all at once at start, and if its length or the number of
/// changes shows that notices were missed. So the cost of a request or a check does not depend on the number of records.
/// </summary>
internal sealed class ItemStore(
    ServedModel served, StoreHealth health, TimeProvider time, ILogger<ItemStore> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private const int PageSize = 1000;
    private const int Attempts = 10; // to change an item that others change at the same time
    private const int SpareEntries = 1000;
    private const string FirstPage = "0";
    private static readonly RedisChannel Channel = RedisChannel.Literal(ItemRecord.Notices);

    private readonly ConcurrentDictionary<string, Kept> _records = new(); // by the hash's field
    private readonly Lock _changing = new();
    private volatile ItemLog _current = ItemLog.Empty;
    private volatile int _round; // number of full reads of the hash
    private string _page = FirstPage;
    private long _lastLength;
    private long _lastRevision;
    private long _heard; // number of notices, added to the revision at the last full read

    public IEnumerable<StoredItem> Items => _records.Values.Select(kept => kept.Item).OfType<StoredItem>(); // all readable records

    /// <returns>Null if nothing is stored for the item.</returns>
    public ItemRecord? Find(EntityId id) => _records.TryGetValue(id.Text, out Kept? kept) ? kept.Item?.Record : null;

    /// <summary>A model's items with their changes since the training.</summary>
    public ServedCatalog Extend(ModelSnapshot model) => model.Extend(_current, time.GetUtcNow());

    /// <summary>Applies a function to an item's record and stores the result if it differs.</summary>
    /// <param name="change">Computes the next record from the stored one, which is null if there is none; null leaves it unchanged. May be called several times.</param>
    /// <returns>The stored record, and whether it changed.</returns>
    /// <exception cref="EventStoreException">Redis is unavailable, slow, full or refuses writes.</exception>
    public async Task<(ItemRecord? Stored, bool IsChanged)> ChangeAsync(EntityId id, Func<ItemRecord?, ItemRecord?> change)
    {
        IDatabase database = redis?.GetDatabase() ?? throw new EventStoreException(
            "No store for items is configured. Set ConnectionStrings__cache to a Redis that keeps its data.");
        try
        {
            for (int attempt = 1; attempt <= Attempts; attempt++)
            {
                RedisValue before = await database.HashGetAsync(ItemRecord.Key, id.Text);
                ItemRecord? known = before.IsNull ? null : ItemRecord.Read((byte[])before!);
                ItemRecord? next = change(known);
                if (next is null || (known is not null && next.Write().AsSpan().SequenceEqual(known.Write())))
                {
                    Take(before.IsNull ? [] : [new(id.Text, before)], isWhole: true);
                    return (known, false);
                }

                next = next with { Version = (known?.Version ?? 0) + 1 };
                RedisValue record = next.Write();
                // In a cluster it is on another node than the records, so not part of the transaction. It comes first: if this process dies in between, other
                // replicas only read all records once in vain. If it came second, they could miss the change.
                await database.StringIncrementAsync(ItemRecord.Revision);
                ITransaction transaction = database.CreateTransaction();
                transaction.AddCondition(before.IsNull ? StackExchange.Redis.Condition.HashNotExists(ItemRecord.Key, id.Text) : StackExchange.Redis.Condition.HashEqual(ItemRecord.Key, id.Text, before));
                Task[] all =
                [
                    transaction.HashSetAsync(ItemRecord.Key, id.Text, record),
                    transaction.PublishAsync(Channel, record), // without it, others find the record in the hash
                ];
                if (await transaction.ExecuteAsync())
                {
                    await Task.WhenAll(all);
                    health.ReportWritten();
                    Take([new(id.Text, record)], isWhole: true);
                    return (next, true);
                }
            }

            throw new EventStoreException($"Item {id} is being changed by others, so this change was not stored. Send the request again.");
        }
        catch (InvalidDataException e)
        {
            throw new EventStoreException($"The stored record of item {id} is damaged: {e.Message} Delete it (HDEL {ItemRecord.Key} {id}), then send the request again.", e);
        }
        catch (Exception e) when (RedisFailure.Is(e) || e is OperationCanceledException)
        {
            throw await EventStoreException.FromAsync(e, isRefused: e is RedisServerException, health, database);
        }
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => redis is null ? Task.CompletedTask : StoreWatch.RunAsync(
        redis, Channel, TakeNotice, LookAsync,
        (level, reason) => logger.Log(level, "Stored items cannot be read; trying again every second: {Reason}", reason), stoppingToken);

    private async Task LookAsync(IDatabase database)
    {
        int known = _records.Count;
        long revision = (long)await database.StringGetAsync(ItemRecord.Revision);
        long length = await database.HashLengthAsync(ItemRecord.Key);
        // Changes since the last check may still be on their way; any that were already there then were missed.
        bool isBehind = _round == 0 || known > length || known < _lastLength || Interlocked.Read(ref _heard) < _lastRevision;
        (_lastLength, _lastRevision) = (length, revision);
        _page = isBehind ? FirstPage : _page;
        do
        {
            if (_page == FirstPage)
            {
                _round++;
            }

            long asked = Stopwatch.GetTimestamp();
            RedisResult[] reply = (RedisResult[])(await database.ExecuteAsync("HSCAN", ItemRecord.Key, _page, "COUNT", PageSize))!;
            _page = (string)reply[0]!;
            RedisValue[] page = (RedisValue[])reply[1]!;
            Take([.. page.Chunk(2).Select(pair => new HashEntry(pair[0], pair[1]))], isWhole: true, asked);
        }
        while (isBehind && _page != FirstPage);

        if (isBehind)
        {
            Interlocked.Exchange(ref _heard, Math.Max(revision, Interlocked.Read(ref _heard)));
        }

        if (_page == FirstPage)
        {
            Drop();
        }

        using SnapshotLease? lease = served.Lease();
        _ = lease is null ? null : Extend(lease.Model); // so that no request has to, also after a model swap
    }

    private void TakeNotice(RedisValue record)
    {
        Interlocked.Increment(ref _heard);
        try
        {
            Take([new(ItemRecord.Read((byte[])record!).ItemId.Text, record)], isWhole: false);
        }
        catch (InvalidDataException e)
        {
            logger.LogDebug("A notice of a stored item was damaged: {Reason}", e.Message);
        }
    }

    /// <summary>Adds new records and replaces changed ones.</summary>
    /// <param name="isWhole">Whether they were read from the hash or written to it; a notice may be older than the known record.</param>
    /// <param name="asked">When they were requested: a record taken after that is newer.</param>
    private void Take(IReadOnlyList<HashEntry> entries, bool isWhole, long asked = long.MaxValue)
    {
        var fresh = new List<(string Field, Kept Kept)>();
        string? damage = null;
        foreach (HashEntry entry in entries)
        {
            byte[] bytes = (byte[])entry.Value!;
            long hash = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(bytes));
            string field = entry.Name.ToString();
            if (_records.TryGetValue(field, out Kept? known) && known.Hash == hash)
            {
                known.Round = _round;
                continue;
            }

            StoredItem? item = TryRead(field, bytes, hash, out string? reason);
            damage ??= reason;
            fresh.Add((field, new Kept(hash, item) { Round = _round, Taken = Stopwatch.GetTimestamp() }));
        }

        if (fresh.Count == 0)
        {
            return;
        }

        lock (_changing)
        {
            ItemLog log = _current;
            foreach ((string field, Kept next) in fresh.OrderBy(entry => entry.Kept.Item?.Record?.Added))
            {
                _records.TryGetValue(field, out Kept? known);
                if (known is not null && (known.Taken > asked || (!isWhole && next.Item?.Record?.Version <= known.Item?.Record?.Version)))
                {
                    known.Round = _round;
                    continue;
                }

                next.Round = Math.Max(next.Round, known?.Round ?? 0); // a round that found it may have begun since it was taken
                _records[field] = next;
                log = Log(log, field, known, next);
            }

            _current = Compact(log);
        }

        if (damage is not null)
        {
            logger.LogWarning("{Count} records in {Key} cannot be read and are skipped. The first: {Reason}",
                fresh.Count(entry => entry.Kept.Item is null), ItemRecord.Key, damage);
        }
    }

    /// <summary>Drops the records that a full read did not find.</summary>
    private void Drop()
    {
        lock (_changing)
        {
            ItemLog log = _current;
            foreach (string field in _records.Where(entry => entry.Value.Round < _round).Select(entry => entry.Key).ToArray())
            {
                if (_records.TryRemove(field, out Kept? gone))
                {
                    log = Log(log, field, gone, null);
                }
            }

            _current = Compact(log);
        }
    }

    private static ItemLog Log(ItemLog log, string field, Kept? before, Kept? after)
    {
        long change = (before?.Item is null ? 0 : before.Hash) ^ (after?.Item is null ? 0 : after.Hash);
        return after?.Item is { } item ? log.Append(item with { HashChange = change })
            : before?.Item is { } gone ? log.Append(new StoredItem(gone.Id, null, [], change))
            : log;
    }

    // The log of changes grows; a log of the items' current state does not.
    private ItemLog Compact(ItemLog log) => log.Count <= SpareEntries + 2 * _records.Count ? log
        : ItemLog.Of([.. _records.Values.Where(kept => kept.Item is not null).OrderBy(kept => kept.Item!.Record!.Added).Select(kept => kept.Item! with { HashChange = kept.Hash })]);

    private static StoredItem? TryRead(string field, byte[] bytes, long hash, out string? reason)
    {
        try
        {
            ItemRecord record = ItemRecord.Read(bytes);
            reason = field == record.ItemId.Text ? null : $"Item {record.ItemId} is stored in the field '{field}'.";
            return reason is not null ? null : new StoredItem(record.ItemId, record, record.Title is null ? [] : TitleSearch.Words(record.Title), hash);
        }
        catch (InvalidDataException e)
        {
            reason = $"{e.Message} (field '{field}')";
            return null;
        }
    }

    /// <param name="Hash">Hash of its bytes.</param>
    /// <param name="Item">Null if it cannot be read.</param>
    private sealed record Kept(long Hash, StoredItem? Item)
    {
        public int Round { get; set; } // the last round that found it
        public long Taken { get; init; }
    }
}
