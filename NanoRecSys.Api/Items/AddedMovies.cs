using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using NanoRecSys.Api.Events;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Items;
using StackExchange.Redis;

namespace NanoRecSys.Api.Items;

/// <summary>
/// Movies that were added after the training: kept in Redis, and here. A movie that another replica takes comes with its notice.
/// Besides, the hash in Redis is read page by page, one page a second, and compared by content; all of it at once at the start and
/// where its length shows that notices were missed. So the cost of a request or a look does not grow with the number of movies.
/// </summary>
internal sealed class AddedMovies(ServedModel served, StoreHealth health, ILogger<AddedMovies> logger, IConnectionMultiplexer? redis = null) : BackgroundService
{
    private const int PageSize = 1000;
    private const string FirstPage = "0";
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly RedisChannel Channel = RedisChannel.Literal(AddedMovie.Notices);

    private readonly ConcurrentDictionary<string, StoredRecord> _records = new(); // by the field of the hash
    private readonly ConcurrentDictionary<EntityId, CatalogItem> _byId = new();
    private readonly Lock _changing = new();
    private volatile AddedList _current = AddedList.Empty;
    private volatile int _round; // of reading the whole hash
    private string _page = FirstPage;
    private long _lastLength;

    /// <summary>All that can be read.</summary>
    public AddedList Current => _current;

    public bool Knows(EntityId movieId) => _byId.ContainsKey(movieId);

    /// <returns>Null unless it was added.</returns>
    public CatalogItem? Find(EntityId movieId) => _byId.GetValueOrDefault(movieId);

    /// <returns>The movie as it is stored, and false where one with this id was added before: what is stored is never changed.</returns>
    /// <exception cref="EventStoreException">Redis is away, slow, full or refuses writes.</exception>
    public async Task<(AddedMovie Stored, bool IsNew)> AddAsync(AddedMovie movie)
    {
        IDatabase database = redis?.GetDatabase() ?? throw new EventStoreException(
            "No store for movies is configured. Set ConnectionStrings__cache to a Redis that keeps its data.");
        try
        {
            RedisValue record = movie.Write();
            bool isNew = await database.HashSetAsync(AddedMovie.Key, movie.MovieId.Text, record, When.NotExists);
            health.ReportWritten();
            if (isNew)
            {
                await database.PublishAsync(Channel, record, CommandFlags.FireAndForget); // without it, others find the movie in the hash
            }
            else
            {
                record = await database.HashGetAsync(AddedMovie.Key, movie.MovieId.Text);
            }

            AddedMovie stored = AddedMovie.Read((byte[])record!);
            Take([new(movie.MovieId.Text, record)]);
            return (stored, isNew);
        }
        catch (InvalidDataException e)
        {
            throw new EventStoreException($"What is stored as movie {movie.MovieId} is damaged: {e.Message} Delete it (HDEL {AddedMovie.Key} {movie.MovieId}), then send the request again.", e);
        }
        catch (Exception e) when (e is RedisException or RedisCommandException or TimeoutException)
        {
            throw await EventStoreException.FromAsync(e, isRefused: e is RedisServerException, health, database);
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (redis is null)
        {
            return;
        }

        using var timer = new PeriodicTimer(LookInterval);
        bool isSubscribed = false;
        bool isFailing = false;
        do
        {
            try
            {
                if (!isSubscribed)
                {
                    await redis.GetSubscriber().SubscribeAsync(Channel, (_, record) => TakeNotice(record));
                    isSubscribed = true; // from here on the client subscribes again by itself
                }

                await LookAsync(redis.GetDatabase());
                isFailing = false;
            }
            catch (Exception e) when (e is RedisException or RedisCommandException or TimeoutException)
            {
                logger.Log(isFailing ? LogLevel.Debug : LogLevel.Warning, "Added movies cannot be read; trying again every second: {Reason}", e.Message);
                isFailing = true;
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    private async Task LookAsync(IDatabase database)
    {
        int known = _records.Count;
        long length = await database.HashLengthAsync(AddedMovie.Key);
        // A movie that came since the last look may be on its way; one that was there a look ago was missed.
        bool isBehind = _round == 0 || known > length || known < _lastLength;
        _lastLength = length;
        _page = isBehind ? FirstPage : _page;
        var entries = new List<HashEntry>();
        do
        {
            if (_page == FirstPage)
            {
                _round++;
            }

            RedisResult[] reply = (RedisResult[])(await database.ExecuteAsync("HSCAN", AddedMovie.Key, _page, "COUNT", PageSize))!;
            _page = (string)reply[0]!;
            RedisValue[] page = (RedisValue[])reply[1]!;
            entries.AddRange(page.Chunk(2).Select(pair => new HashEntry(pair[0], pair[1])));
        }
        while (isBehind && _page != FirstPage);

        Take(entries);
        if (_page == FirstPage)
        {
            Drop();
        }

        using SnapshotLease? lease = served.Lease();
        lease?.Model.Extend(_current); // before a request has to, also after a swap of the model
    }

    private void TakeNotice(RedisValue record)
    {
        try
        {
            Take([new(AddedMovie.Read((byte[])record!).MovieId.Text, record)]);
        }
        catch (InvalidDataException e)
        {
            logger.LogDebug("A notice of an added movie was damaged: {Reason}", e.Message);
        }
    }

    /// <summary>Adds what is new, and replaces what has changed.</summary>
    private void Take(IReadOnlyList<HashEntry> entries)
    {
        var fresh = new List<(string Field, StoredRecord Record)>();
        string? damage = null;
        foreach (HashEntry entry in entries)
        {
            byte[] bytes = (byte[])entry.Value!;
            long hash = BinaryPrimitives.ReadInt64LittleEndian(SHA256.HashData(bytes));
            string field = entry.Name.ToString();
            if (_records.TryGetValue(field, out StoredRecord? known) && known.Hash == hash)
            {
                known.Round = _round;
                continue;
            }

            AddedItem? item = TryRead(field, bytes, hash, out string? reason);
            damage ??= reason;
            fresh.Add((field, new StoredRecord(hash, item) { Round = _round }));
        }

        if (fresh.Count == 0)
        {
            return;
        }

        lock (_changing)
        {
            bool isReplaced = false;
            AddedList list = _current;
            foreach ((string field, StoredRecord record) in fresh.OrderBy(entry => entry.Record.Item?.Added))
            {
                if (_records.TryGetValue(field, out StoredRecord? known))
                {
                    isReplaced |= known.Hash != record.Hash;
                }
                else if (record.Item is { Item: { } item } added)
                {
                    _byId[item.Id] = item;
                    list = list.Append(added);
                }

                _records[field] = record;
            }

            _current = list;
            if (isReplaced)
            {
                Rebuild();
            }
        }

        if (damage is not null)
        {
            logger.LogWarning("{Count} records in {Key} cannot be read and are skipped. The first: {Reason}",
                fresh.Count(entry => entry.Record.Item is null), AddedMovie.Key, damage);
        }
    }

    /// <summary>Drops what a whole round of reading did not find.</summary>
    private void Drop()
    {
        lock (_changing)
        {
            string[] gone = [.. _records.Where(entry => entry.Value.Round < _round).Select(entry => entry.Key)];
            foreach (string field in gone)
            {
                _records.TryRemove(field, out _);
            }

            if (gone.Length > 0)
            {
                Rebuild();
            }
        }
    }

    private void Rebuild()
    {
        AddedItem[] items = [.. _records.Values.Select(record => record.Item).OfType<AddedItem>().OrderBy(item => item.Added).ThenBy(item => item.Item.Id.Text, StringComparer.Ordinal)];
        _current = AddedList.Of(items);
        foreach (EntityId movieId in _byId.Keys.Except(items.Select(item => item.Item.Id)))
        {
            _byId.TryRemove(movieId, out _);
        }

        foreach (AddedItem item in items)
        {
            _byId[item.Item.Id] = item.Item;
        }
    }

    private static AddedItem? TryRead(string field, byte[] record, long hash, out string? reason)
    {
        try
        {
            AddedMovie movie = AddedMovie.Read(record);
            reason = field == movie.MovieId.Text ? null : $"Movie {movie.MovieId} is stored in the field '{field}'.";
            return reason is not null ? null
                : new AddedItem(movie.ToCatalogItem(), TitleSearch.Words(movie.Title), movie.Added, hash);
        }
        catch (InvalidDataException e)
        {
            reason = $"{e.Message} (field '{field}')";
            return null;
        }
    }

    /// <param name="Hash">Of its bytes.</param>
    /// <param name="Item">Null if it cannot be read.</param>
    private sealed record StoredRecord(long Hash, AddedItem? Item)
    {
        /// <summary>The last round that found it.</summary>
        public int Round { get; set; }
    }
}
