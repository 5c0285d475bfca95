using System.ComponentModel;
using NanoRecSys.Api.Endpoints;
using StackExchange.Redis;

namespace NanoRecSys.Api.Events;

/// <summary>
/// <c>GET /events</c>: the latest events, and their number on each day. A sorted set refers to them by arrival time, so events that were
/// deleted or moved out of the store are not shown. Both are written after an event is stored, without waiting, and are only for display.
/// </summary>
internal static class LatestEvents
{
    private const string Key = "nanorecsys:events:latest";
    private const string DayKey = "nanorecsys:events:day:";
    private const string DayFormat = "yyyy-MM-dd";
    private const int Kept = 1000;
    private const int MaxRows = 200;
    private const int Days = 14;
    private const char Separator = '\n'; // ids cannot contain it
    private static readonly TimeSpan DayLifetime = TimeSpan.FromDays(Days + 1);

    public static void MapLatestEvents(this IEndpointRouteBuilder app) => app.MapGet("/events", GetEvents)
        .WithTags("Events")
        .WithSummary("The latest stored events, newest first, and the number on each of the last 14 days")
        .WithDescription(
            "The latest 1000 events of all users, or all stored events of one user. An event's key deletes it: DELETE /users/{id}/events/{key}. 503: the store is unavailable.")
        .WithAnswer<EventList>()
        .RequireKey(KeyRole.Read);

    /// <summary>Called after events were stored.</summary>
    public static void Add(IDatabase database, IReadOnlyCollection<EventDraft> events, DateTimeOffset now)
    {
        if (events.Count == 0)
        {
            return;
        }

        string day = DayKey + now.UtcDateTime.ToString(DayFormat);
        database.SortedSetAdd(Key, [.. events.Select(draft => new SortedSetEntry(Member(draft.UserId, draft.Field), draft.Event.Received))], CommandFlags.FireAndForget);
        database.SortedSetRemoveRangeByRank(Key, 0, -Kept - 1, CommandFlags.FireAndForget);
        database.StringIncrement(day, events.Count, CommandFlags.FireAndForget);
        database.KeyExpire(day, DayLifetime, flags: CommandFlags.FireAndForget);
    }

    /// <summary>Called after all events of a user were deleted, because their references contain the user's id.</summary>
    public static async Task ForgetAsync(IDatabase database, EntityId user)
    {
        RedisValue[] members = await database.SortedSetRangeByRankAsync(Key);
        await database.SortedSetRemoveAsync(Key, [.. members.Where(member => member.ToString().StartsWith(user.Text + Separator, StringComparison.Ordinal))]);
    }

    private static Task<IResult> GetEvents(
        LookUp lookUp, EventStore store, TimeProvider time,
        [Description("This user's only")] string? user = null, [Description("This item's only")] string? item = null, [Description("1 to 200; default: 50")] string? limit = null)
    {
        var fields = new UrlFields();
        EntityId? whose = fields.QueryId("user", user);
        EntityId? what = fields.QueryId("item", item);
        int take = fields.Int32("limit", limit, 50, 1, MaxRows);
        return lookUp.AnswerAsync(fields, async catalog =>
        {
            try
            {
                IDatabase database = store.Database();
                List<(EntityId User, string Field, UserEvent Event)> events = await ReadAsync(database, whose, what, take);
                return TypedResults.Ok(new EventList(
                    await CountAsync(database, time.GetUtcNow()),
                    [.. events.Select(happened => new ListedEvent(
                        catalog.Model.Histories.Users.Typed(happened.User), catalog.Model.Catalog.Ids.Typed(happened.Event.ItemId),
                        catalog.TryFind(happened.Event.ItemId, out int row) ? catalog.ItemAt(row).Title : null,
                        happened.Event.Type, happened.Event.Rating, happened.Event.Timestamp,
                        DateTimeOffset.FromUnixTimeMilliseconds(happened.Event.Received / 1000), EventReader.KeyOf(happened.Field)))]));
            }
            catch (Exception e) when (RedisFailure.Is(e) || e is InvalidDataException)
            {
                throw new EventStoreException($"The store of events cannot be read: {e.Message}", e);
            }
        });
    }

    private static async Task<List<(EntityId User, string Field, UserEvent Event)>> ReadAsync(IDatabase database, EntityId? user, EntityId? item, int limit)
    {
        if (user is { } one)
        {
            return [.. (await database.HashGetAllAsync(EventKeys.Of(one)))
                .Select(entry => (User: one, Field: entry.Name.ToString(), Event: UserEvent.Read((byte[])entry.Value!)))
                .Where(happened => item is null || happened.Event.ItemId == item)
                .OrderByDescending(happened => happened.Event.Received).Take(limit)];
        }

        List<(EntityId, string, UserEvent)> found = [];
        RedisValue[] members = await database.SortedSetRangeByRankAsync(Key, 0, -1, Order.Descending);
        foreach (RedisValue[] some in members.Chunk(limit))
        {
            (EntityId User, string Field)[] references = [.. some.Select(Reference).OfType<(EntityId, string)>()];
            RedisValue[] stored = await Task.WhenAll(references.Select(reference => database.HashGetAsync(EventKeys.Of(reference.User), reference.Field)));
            found.AddRange(references.Zip(stored)
                .Where(pair => !pair.Second.IsNull)
                .Select(pair => (pair.First.User, pair.First.Field, Event: UserEvent.Read((byte[])pair.Second!)))
                .Where(happened => item is null || happened.Event.ItemId == item));
            if (found.Count >= limit)
            {
                break;
            }
        }

        return [.. found.Take(limit)];
    }

    private static async Task<EventDay[]> CountAsync(IDatabase database, DateTimeOffset now)
    {
        string[] days = [.. Enumerable.Range(0, Days).Select(ago => now.UtcDateTime.AddDays(-ago).ToString(DayFormat))];
        RedisValue[] counts = await Task.WhenAll(days.Select(day => database.StringGetAsync(DayKey + day)));
        return [.. days.Zip(counts, (day, count) => new EventDay(day, (long)count))];
    }

    /// <returns>Null if it is not one of our members.</returns>
    private static (EntityId User, string Field)? Reference(RedisValue member) =>
        member.ToString().Split(Separator, 2) is [var user, var field] && EntityId.TryParse(user, out EntityId id) ? (id, field) : null;

    private static RedisValue Member(EntityId user, string field) => user.Text + Separator + field;
}
