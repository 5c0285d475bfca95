using System.ComponentModel.DataAnnotations;
using NanoRecSys.Api.Outcomes;
using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>The result of storing an event.</summary>
internal enum EventOutcome
{
    Stored,
    Duplicate,

    /// <summary>Another event already has its key.</summary>
    KeyReused,

    /// <summary>The user has reached the maximum number of events.</summary>
    LimitReached,
}

/// <summary>Section <c>Events</c>.</summary>
internal sealed class EventOptions : IValidatableObject
{
    public const string Section = "Events";

    /// <summary>
    /// Number of a user's newest events that the store keeps; <see cref="EventRetention"/> moves older ones to the artifacts folder. Should be well above
    /// the history length of the models (at most 200 in the presets). Events beyond ten times this number are refused: moving fails, or cannot keep up.
    /// </summary>
    [Range(1, 100_000)]
    public int MostPerUser { get; set; } = 1_000;

    /// <summary>
    /// By event type: a negative weight excludes the item instead, 0 ignores the event; types not listed have weight 1. Weights in training
    /// are an option of <c>prepare</c>.
    /// </summary>
    public IDictionary<string, double> Weights { get; init; } = new Dictionary<string, double>(StringComparer.OrdinalIgnoreCase) { [EventTypes.Dislike] = -1 };

    /// <summary>Replicas of Redis that must have an event, or its deletion, before it is acknowledged; see <see cref="EventCommits"/>.</summary>
    [Range(0, 10)]
    public int WaitForReplicas { get; set; }

    public double WeightOf(string type) => Weights.TryGetValue(type, out double weight) ? weight : 1;

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext) => Weights
        .Where(weight => !double.IsFinite(weight.Value))
        .Select(weight => new ValidationResult($"{Section}:Weights:{weight.Key} = {weight.Value} is not a finite number."));
}

/// <summary>Identifies the content of a user's events without reading them.</summary>
/// <param name="Stamp">Changes whenever the events change; 0 for a user without events who was never deleted.</param>
/// <param name="ForgottenAt">When the user was deleted, in microseconds since 1970; 0 if never.</param>
internal readonly record struct EventsState(long Count, long Stamp, long ForgottenAt)
{
    public static EventsState Of(long count, RedisValue revision, long forgottenAt)
    {
        long stamp = count == 0 ? 0 : (revision.TryParse(out long number) ? number : 0) ^ unchecked(count * (long)0x9E3779B97F4A7C15);
        return new(count, stamp ^ forgottenAt, forgottenAt);
    }
}

/// <summary>
/// All events, in Redis, which all replicas read, so that an event stored by one replica is seen by the others in their next
/// request. Uses only what Redis, Redis Cluster and Garnet have in common: hashes, strings and MULTI within one hash slot.
/// </summary>
internal sealed class EventStore(
    EventNotices notices, StoreHealth health, EventCommits commits, EventRetention retention, EventArchive archive, ForgottenUsers forgotten,
    IOptions<EventOptions> options, IConnectionMultiplexer? redis = null)
{
    private const int Attempts = 3;
    private const int Reserve = 10;

    /// <summary>False without Redis; events are then refused.</summary>
    public bool IsConfigured => redis is not null;

    /// <summary>Maximum number of events of a user; further ones are refused.</summary>
    public int MaxPerUser => Reserve * options.Value.MostPerUser;

    /// <exception cref="EventStoreException">No Redis is configured.</exception>
    public IDatabase Database() => redis?.GetDatabase() ?? throw new EventStoreException(
        "No store for events is configured. Set ConnectionStrings__cache to a Redis that keeps its data.");

    /// <summary>Stores all events, except those that are refused individually.</summary>
    /// <returns>The result for each event, in order.</returns>
    /// <exception cref="EventStoreException">Redis is unavailable, slow, full or refuses writes; the message says what is known to be stored.</exception>
    public async Task<EventOutcome[]> AppendAsync(IReadOnlyList<EventDraft> events)
    {
        IDatabase database = Database();
        (bool isSent, bool isUnknown) = (false, false);
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                Dictionary<EntityId, long> counts = await CountAsync(database, events);
                HashSet<EntityId> full = [.. counts.Where(user => user.Value >= MaxPerUser).Select(user => user.Key)];
                isSent = true;
                HashSet<EventDraft> isNew = await WriteAsync(database, [.. events.Where(draft => !full.Contains(draft.UserId))]);
                foreach ((EntityId user, int added) in isNew.CountBy(draft => draft.UserId))
                {
                    retention.Check(user, counts[user] + added);
                }

                EventOutcome[] outcomes = await Task.WhenAll(events.Select(draft => isNew.Contains(draft)
                    ? Task.FromResult(EventOutcome.Stored)
                    : CompareAsync(database, draft, full.Contains(draft.UserId), isRetry: attempt > 1)));
                health.ReportWritten();
                return outcomes;
            }
            catch (RedisTimeoutException) when (attempt < Attempts && !commits.Waits)
            {
                isUnknown = true; // The client's time-out is short, for the sake of recommendations. The key shows whether an event was written.
            }
            catch (RedisServerException e) when (attempt == 1 && IsAborted(e))
            {
                // In a cluster another node may have taken over, which the client knows by now.
            }
            catch (Exception e) when (RedisFailure.Is(e) || e is OperationCanceledException or InvalidDataException)
            {
                // No command has run: Redis aborted every transaction, or none was sent.
                bool isRefused = e is RedisServerException && !isUnknown && (!isSent || IsAborted(e));
                throw await EventStoreException.FromAsync(e, isRefused, health, database);
            }
        }
    }

    /// <summary>Deletes all events of a user, on every replica at once, and then those moved to the artifacts folder.</summary>
    /// <param name="forget">Whether to forget the user's data in versions and data sets, too; see <see cref="EventKeys.Forgotten"/>.</param>
    /// <returns>Number of deleted events.</returns>
    /// <exception cref="EventStoreException">Redis is unavailable, slow or refuses writes, or the artifacts folder cannot be written to.</exception>
    public async Task<long> DeleteAsync(EntityId userId, bool forget)
    {
        long? now = forget ? health.UtcNow.ToUnixTimeMilliseconds() * 1000 : null;
        long deleted = await DeleteAsync(userId, transaction =>
        {
            Task<long> count = transaction.HashLengthAsync(EventKeys.Of(userId));
            Task gone = transaction.KeyDeleteAsync([EventKeys.Of(userId), EventKeys.Revision(userId), OutcomeKeys.Shown(userId), OutcomeKeys.Taken(userId)]);
            return (count, now is { } mark ? [gone, transaction.StringSetAsync(EventKeys.ForgottenAt(userId), mark)] : [gone]);
        }, now);
        return deleted + await DeleteArchivedAsync(userId);
    }

    /// <summary>See <see cref="LatestEvents"/>.</summary>
    /// <exception cref="EventStoreException">Redis is unavailable or slow.</exception>
    public async Task ForgetLatestAsync(EntityId userId)
    {
        try
        {
            await LatestEvents.ForgetAsync(Database(), userId);
        }
        catch (Exception e) when (RedisFailure.Is(e))
        {
            throw new EventStoreException($"The events are deleted, but the list of the latest ones may still name the user: {e.Message} Send the request again.", e);
        }
    }

    /// <summary>Deletes one event of a user, on every replica at once.</summary>
    /// <param name="field">See <see cref="EventDraft.Field"/>.</param>
    /// <returns>1, or 0 if there is none.</returns>
    /// <exception cref="EventStoreException">Redis is unavailable, slow or refuses writes.</exception>
    public async Task<long> DeleteAsync(EntityId userId, string field)
    {
        long deleted = await DeleteAsync(userId, transaction =>
        {
            Task<long> count = transaction.HashDeleteAsync(EventKeys.Of(userId), [field]);
            return (count, [transaction.StringSetAsync(EventKeys.Revision(userId), Random.Shared.NextInt64())]);
        });
        return Math.Max(deleted, await DeleteArchivedAsync(userId, field)); // an event whose move was interrupted is in both
    }

    private async Task<long> DeleteArchivedAsync(EntityId userId, string? field = null)
    {
        try
        {
            return await archive.RemoveAsync(userId, field);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException or ArtifactException)
        {
            throw new EventStoreException($"The store deleted what it has, but {archive.Folder} cannot be searched for older events: {e.Message} Send the request again.", e);
        }
    }

    private async Task<long> DeleteAsync(EntityId userId, Func<ITransaction, (Task<long> Count, Task[] Others)> delete, long? forgottenAt = null)
    {
        IDatabase database = Database();
        try
        {
            ITransaction transaction = commits.Begin();
            (Task<long> count, Task[] others) = delete(transaction);
            Task noticed = EventNotices.PublishAsync(transaction, [userId]);
            await commits.CommitAsync(transaction, EventKeys.Of(userId));
            await Task.WhenAll([count, noticed, .. others]);
            if (forgottenAt is { } mark)
            {
                await forgotten.AddAsync(userId, mark); // may be on another node; if this process dies first, the next look-up of the user adds it
            }

            return await count;
        }
        catch (Exception e) when (RedisFailure.Is(e) || e is OperationCanceledException)
        {
            if (!IsAborted(e))
            {
                health.ReportRefusal(e.Message, isRefused: false);
                throw new EventStoreException("The store did not confirm the deletion: the events may or may not be deleted. Send the request again.", e);
            }

            string reason = await EventStoreException.ReasonAsync(e, health, database);
            health.ReportRefusal(reason, isRefused: true);
            throw new EventStoreException($"The store refuses the deletion: {reason.TrimEnd('.')}. Nothing was deleted.", e);
        }
        finally
        {
            notices.Heard([userId]);
        }
    }

    /// <summary>Identifies a user's events, at a cost that does not depend on their number.</summary>
    /// <param name="answer">A key with the user's hash tag, whose value is read in the same round trip.</param>
    public async Task<(EventsState State, RedisValue Answer)> StateAsync(EntityId userId, RedisKey? answer = null)
    {
        IDatabase database = Database();
        RedisKey[] keys = [EventKeys.Revision(userId), EventKeys.ForgottenAt(userId)];
        Task<RedisValue[]> reading = database.StringGetAsync(answer is { } key ? [.. keys, key] : keys);
        long count = await database.HashLengthAsync(EventKeys.Of(userId));
        RedisValue[] values = await reading;
        long forgottenAt = forgotten.Merge(userId, values[1].TryParse(out long at) ? at : 0);
        return (EventsState.Of(count, values[0], forgottenAt), answer is null ? RedisValue.Null : values[2]);
    }

    /// <summary>The known data of a user while Redis is unavailable.</summary>
    public UserEvents Unread(EntityId userId) => new([], forgotten.At(userId), IsWhole: false);

    /// <summary>A user's events, except those whose type has weight 0.</summary>
    /// <param name="state">As <see cref="StateAsync"/> returned it.</param>
    /// <exception cref="InvalidDataException">Some are not events or were written by a later release, or there are far more than this release stores.</exception>
    public async Task<UserEvents> ReadAsync(EntityId userId, EventsState state)
    {
        if (state.Count > 2L * MaxPerUser) // concurrent batches may slightly exceed the limit
        {
            throw new InvalidDataException(
                $"A user has {state.Count} events, more than {2 * Reserve} times Events:MostPerUser ({options.Value.MostPerUser}): they are not read. Delete some, or raise the limit.");
        }

        RedisValue[] stored = state.Count == 0 ? [] : await Database().HashValuesAsync(EventKeys.Of(userId));
        List<UserEvent> events = new(stored.Length);
        foreach (RedisValue value in stored)
        {
            UserEvent happened = UserEvent.Read((byte[])value!);
            double weight = options.Value.WeightOf(happened.Type);
            if (weight != 0)
            {
                events.Add(weight > 0 == happened.IsPositive ? happened : happened with { IsPositive = weight > 0 });
            }
        }

        events.Sort(UserEvent.CompareByTime);
        return new UserEvents(events, state.ForgottenAt);
    }

    private static async Task<Dictionary<EntityId, long>> CountAsync(IDatabase database, IEnumerable<EventDraft> events)
    {
        EntityId[] whose = [.. events.Select(draft => draft.UserId).Distinct()];
        long[] counts = await Task.WhenAll(whose.Select(user => database.HashLengthAsync(EventKeys.Of(user))));
        return whose.Zip(counts).ToDictionary();
    }

    // Without a cluster all events are in one transaction; in a cluster, those in the same slot, which includes all events of a user.
    private async Task<HashSet<EventDraft>> WriteAsync(IDatabase database, EventDraft[] events)
    {
        Task<EventDraft[]>[] writes = [.. events.GroupBy(draft => redis!.GetHashSlot(EventKeys.Of(draft.UserId))).Select(some => WriteTogetherAsync([.. some]))];
        try
        {
            HashSet<EventDraft> isNew = [.. (await Task.WhenAll(writes)).SelectMany(some => some)];
            LatestEvents.Add(database, isNew, health.UtcNow);
            return isNew;
        }
        catch (RedisServerException e) when (!writes.All(write => write.Exception?.InnerException is { } failure && IsAborted(failure)))
        {
            health.ReportRefusal(e.Message, isRefused: false);
            throw new EventStoreException(
                $"The store refused part of the request: {e.Message.TrimEnd('.')}. Events of the same user are stored together or not at all. "
                + "Repair the store, then send all again with the same keys and timestamps; nothing is stored twice.", e);
        }
    }

    /// <returns>The events that were new.</returns>
    private async Task<EventDraft[]> WriteTogetherAsync(EventDraft[] events)
    {
        EntityId[] whose = [.. events.Select(draft => draft.UserId).Distinct()];
        ITransaction transaction = commits.Begin();
        Task<bool>[] writes = [.. events.Select(draft =>
            transaction.HashSetAsync(EventKeys.Of(draft.UserId), draft.Field, draft.Event.Write(), When.NotExists))];
        Task[] all =
        [
            .. writes,
            .. whose.Select(user => transaction.StringSetAsync(EventKeys.Revision(user), Random.Shared.NextInt64())),
            EventNotices.PublishAsync(transaction, whose),
        ];
        try
        {
            await commits.CommitAsync(transaction, EventKeys.Of(whose[0]));
        }
        finally
        {
            notices.Heard(whose);
        }

        await Task.WhenAll(all);
        return [.. events.Where((_, i) => writes[i].Result)];
    }

    private static async Task<EventOutcome> CompareAsync(IDatabase database, EventDraft draft, bool isFull, bool isRetry)
    {
        RedisValue value = await database.HashGetAsync(EventKeys.Of(draft.UserId), draft.Field);
        if (value.IsNull)
        {
            return isFull ? EventOutcome.LimitReached : EventOutcome.Duplicate; // deleted in the meantime
        }

        UserEvent stored = UserEvent.Read((byte[])value!);
        return isRetry && stored == draft.Event ? EventOutcome.Stored // by an attempt whose answer was lost
            : stored.Matches(draft.Event, draft.IsTimed) ? EventOutcome.Duplicate
            : EventOutcome.KeyReused;
    }

    private static bool IsAborted(Exception e) => e is RedisServerException && e.Message.StartsWith("EXECABORT", StringComparison.Ordinal);
}

/// <summary>A write failed; the message is for the client and says what is known to be stored.</summary>
internal sealed class EventStoreException(string message, Exception? innerException = null) : Exception(message, innerException)
{
    /// <param name="e">The exception of a write.</param>
    /// <param name="isRefused">Whether it is certain that nothing was stored.</param>
    /// <param name="health">Counts and logs the failure.</param>
    /// <param name="database">Used to find the reason for an aborted transaction.</param>
    public static async Task<EventStoreException> FromAsync(Exception e, bool isRefused, StoreHealth health, IDatabase database)
    {
        string reason = await ReasonAsync(e, health, database);
        health.ReportRefusal(reason, isRefused);
        return new EventStoreException(
            e is InvalidDataException ? $"{reason} It is stored under one of this request's keys; the rest of the request is stored."
            : !isRefused ? $"The store did not confirm the request{(e is RedisServerException ? $" ({reason})" : "")}: it may or may not be stored. Send it again with the same keys and timestamps; nothing is stored twice."
            : reason.StartsWith("OOM", StringComparison.Ordinal) ? "The store is full: nothing was stored. Make room in Redis (maxmemory), then send the request again."
            : $"The store refuses writes: {reason.TrimEnd('.')}. Nothing was stored.", e);
    }

    /// <returns>Why a command failed; an aborted transaction does not say why, so a single write is tried to find out.</returns>
    public static async Task<string> ReasonAsync(Exception e, StoreHealth health, IDatabase database) =>
        !e.Message.StartsWith("EXECABORT", StringComparison.Ordinal) ? e.Message
        : await health.FindRefusalAsync(database)
        ?? "it is full (maxmemory), another node of its cluster is taking over, or a command is not permitted. The API needs HSET, HSETNX, SET and PUBLISH on nanorecsys:*, for deletions DEL, HDEL and HLEN, to move old events HGETALL, for items WATCH, HGET and INCR, and SCAN";
}
