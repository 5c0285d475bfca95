using NanoRecSys.Core.Events;
using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>What became of an event.</summary>
internal enum EventOutcome
{
    Stored,
    Duplicate,

    /// <summary>Its key stands for another event already.</summary>
    KeyReused,
}

/// <summary>
/// All events, in Redis: the one place that every replica reads, so that what one took the others know with their next
/// request. Works on what Redis and Garnet have in common: hashes, sets and MULTI.
/// </summary>
internal sealed class EventStore(EventNotices notices, IConnectionMultiplexer? redis = null)
{
    private const int Attempts = 3;

    /// <summary>False without a Redis: events are refused then.</summary>
    public bool IsConfigured => redis is not null;

    /// <summary>Stores all of them or none.</summary>
    /// <returns>What became of each, in order.</returns>
    /// <exception cref="EventStoreException">Redis is away, slow or full: they may have to be sent again.</exception>
    public async Task<EventOutcome[]> AppendAsync(IReadOnlyList<EventDraft> events)
    {
        IDatabase database = Database();
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                bool[] isNew = await WriteAsync(database, events);
                return await Task.WhenAll(events.Select((draft, i) => isNew[i]
                    ? Task.FromResult(EventOutcome.Stored)
                    : CompareAsync(database, draft)));
            }
            catch (RedisTimeoutException) when (attempt < Attempts)
            {
                // The client waits shortly, for the sake of recommendations. What was written is known by its key.
            }
            catch (Exception e) when (e is RedisException or TimeoutException or OperationCanceledException or InvalidDataException)
            {
                throw EventStoreException.From(e);
            }
        }
    }

    /// <summary>A user's events in the order in which they happened.</summary>
    public async Task<IReadOnlyList<UserEvent>> ReadAsync(int userId) => Read(await ValuesAsync(userId));

    /// <summary>The same as they are stored, in no order: another number of them is another history.</summary>
    public Task<RedisValue[]> ValuesAsync(int userId) => Database().HashValuesAsync(EventKeys.Of(userId));

    /// <param name="stored">See <see cref="ValuesAsync"/>.</param>
    /// <returns>In the order in which they happened.</returns>
    /// <exception cref="InvalidDataException">Not events, or of a later release.</exception>
    public static IReadOnlyList<UserEvent> Read(RedisValue[] stored)
    {
        UserEvent[] events = Array.ConvertAll(stored, value => StoredEvent.Read((byte[])value!));
        Array.Sort(events, UserEvent.CompareByTime);
        return events;
    }

    private async Task<bool[]> WriteAsync(IDatabase database, IReadOnlyList<EventDraft> events)
    {
        int[] whose = [.. events.Select(draft => draft.UserId).Distinct()];
        ITransaction transaction = database.CreateTransaction();
        Task<long> users = transaction.SetAddAsync(EventKeys.Users, [.. whose.Select(user => (RedisValue)user)]);
        Task<bool>[] writes = [.. events.Select(draft =>
            transaction.HashSetAsync(EventKeys.Of(draft.UserId), draft.Field, StoredEvent.Write(draft.Event), When.NotExists))];
        Task all = Task.WhenAll([users, .. writes]);
        try
        {
            Task executing = transaction.ExecuteAsync();
            Task telling = EventNotices.TellAsync(database, whose);
            await executing;
            notices.Heard(whose);
            await telling; // an event that the other replicas may not have heard of is not acknowledged
        }
        catch (RedisServerException)
        {
            await all; // Where a command was refused, its own reason says more than the transaction's.
            throw;
        }

        await all;
        return await Task.WhenAll(writes);
    }

    private static async Task<EventOutcome> CompareAsync(IDatabase database, EventDraft draft)
    {
        UserEvent stored = StoredEvent.Read((byte[])(await database.HashGetAsync(EventKeys.Of(draft.UserId), draft.Field))!);
        return stored == draft.Event ? EventOutcome.Stored // by an attempt that was given up waiting for
            : stored.SaysTheSameAs(draft.Event) ? EventOutcome.Duplicate
            : EventOutcome.KeyReused;
    }

    private IDatabase Database() => redis?.GetDatabase() ?? throw new EventStoreException(
        "No store for events is configured. Set ConnectionStrings__cache to a Redis that keeps its data.");
}

/// <summary>Events could not be stored now; the message is for the client.</summary>
internal sealed class EventStoreException : Exception
{
    public EventStoreException()
    {
    }

    public EventStoreException(string message)
        : base(message)
    {
    }

    public EventStoreException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <param name="e">What the Redis client threw.</param>
    public static EventStoreException From(Exception e)
    {
        return new EventStoreException(e switch
        {
            RedisServerException when IsFull(e) => "The store is full: no event was stored. Make room in Redis (maxmemory), then send them again.",
            RedisServerException => $"The store refuses events: {e.Message}. Nothing was stored.",
            InvalidDataException => $"{e.Message} It stands where one of these does; the others are stored.",
            _ => "The store does not answer: the events may or may not be stored. Send them again with the same keys and timestamps; what is there is not stored twice.",
        }, e);
    }

    // Said by the command itself, or by EXEC of a transaction whose commands were refused for it.
    private static bool IsFull(Exception e) => e.Message.Contains("OOM", StringComparison.Ordinal) || e.Message.Contains("EXECABORT", StringComparison.Ordinal);
}
