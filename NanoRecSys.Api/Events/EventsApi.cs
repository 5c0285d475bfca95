using Microsoft.AspNetCore.Mvc;
using NanoRecSys.Api.Endpoints;
using NanoRecSys.Api.Outcomes;

namespace NanoRecSys.Api.Events;

/// <summary><c>POST /events</c> stores interactions as they happen; <c>DELETE /users/{id}</c> and <c>/users/{id}/events</c> delete them.</summary>
internal static class EventsApi
{
    private const string BatchField = "events";
    private const int MaxBatch = 1000;
    private const int MaxBodyBytes = 512 * 1024; // a full batch with long keys

    public static void AddEvents(this WebApplicationBuilder builder)
    {
        builder.AddSettings<EventOptions>(EventOptions.Section);
        builder.Services.AddHostedService<KeyMigration>(); // first, so that the others find the moved events
        builder.Services.AddSingleton<EventStore>();
        builder.Services.AddSingleton<EventCommits>();
        builder.Services.AddBackground<StoreHealth>();
        builder.Services.AddBackground<EventNotices>();
        builder.Services.AddSingleton<EventReader>();
        builder.Services.AddSingleton(services => new EventArchive(services.GetRequiredService<ArtifactStore>().Root));
        builder.Services.AddBackground<EventRetention>();
        builder.Services.AddBackground<ForgottenUsers>();
    }

    public static void MapEvents(this IEndpointRouteBuilder app)
    {
        RouteGroupBuilder events = app.MapGroup("").WithTags("Events");
        events.MapPost("/events", PostEvents)
            .WithSummary("Stores user events, one or a batch of up to 1000; the next recommendations reflect them")
            .WithDescription(
                "Answers when everything is stored. Invalid rows are refused individually, the others are stored. An event sent again with the same key " +
                "(or the same item, type and timestamp) is stored once. Unknown fields are refused. A type is any name; types with a negative weight (Events:Weights) exclude the item. " +
                "503: the store is unavailable, full or refuses writes; the message says what is known to be stored. Send the request again.")
            .WithJsonBody<EventBatch, EventReceipt>(
                """{"events": [{"user_id": 42, "item_id": 1, "rating": 4.5, "timestamp": 1767225600, "key": "a1b2"}, {"user_id": 42, "item_id": 32, "type": "purchase"}]}""")
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Write);
        events.MapDelete("/users/{id}", DeleteUser)
            .WithSummary("Deletes a user: the events, the answers computed from them, and the served part of the published history")
            .WithDescription(
                "Takes effect on every replica at once: the user is then unknown until new events arrive, and the next training with the store's events leaves the user " +
                "out of its data. 'scrub' of NanoRecSys.Training removes the user from the files of published versions. 503: the store is unavailable; send the request again.")
            .WithAnswer<EventsDeleted>()
            .RequireKey(KeyRole.Write);
        events.MapDelete("/users/{id}/events", DeleteEvents)
            .WithSummary("Deletes all events of a user, and the answers computed from them")
            .WithDescription(
                "Takes effect on every replica at once. Data in the published model remains until a version without it is published. " +
                "503: the store is unavailable; send the request again.")
            .WithAnswer<EventsDeleted>()
            .RequireKey(KeyRole.Write);
        events.MapDelete("/users/{id}/events/{key}", DeleteEvent)
            .WithSummary("Deletes the event with a key")
            .WithDescription("Takes effect on every replica at once; deleted is 0 if the user has no event with that key. 503: the store is unavailable; send the request again.")
            .WithAnswer<EventsDeleted>()
            .RequireKey(KeyRole.Write);
    }

    private static async Task<IResult> PostEvents(
        HttpContext http, LookUp lookUp, EventReader reader, EventStore store, ImpressionLog impressions, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        bool isBatch = body.Has(BatchField);
        IReadOnlyList<BodyFields> rows = isBatch ? body.Rows(BatchField, MaxBatch) : [body];
        if (isBatch)
        {
            body.ForbidOthers();
        }

        using SnapshotLease? lease = lookUp.Served.Lease();
        if (lookUp.Refusal(body.Errors, lease) is { } refusal)
        {
            return refusal;
        }

        ServedCatalog catalog = lookUp.Items.Extend(lease!.Model);
        bool Knows(EntityId item) => catalog.TryFind(item, out _) || lookUp.Items.Find(item) is { IsDeleted: false };
        (BodyFields Row, EventDraft Draft)[] valid = [.. rows.Select(row => (Row: row, Draft: reader.Read(row, Knows))).Where(read => read.Row.Errors.Count == 0)];
        EventOutcome[] outcomes = valid.Length > 0 ? await store.AppendAsync([.. valid.Select(read => read.Draft)]) : [];
        foreach (((BodyFields row, EventDraft draft), EventOutcome outcome) in valid.Zip(outcomes))
        {
            switch (outcome)
            {
                case EventOutcome.Stored:
                    impressions.Add(draft);
                    break;
                case EventOutcome.KeyReused:
                    row.Refuse("key", "Another event of this user has this key, or without one the same item, type and timestamp", "key_reused");
                    break;
                case EventOutcome.LimitReached:
                    row.Refuse(
                        "user_id",
                        $"This user has {store.MaxPerUser} events, ten times Events:MostPerUser, which have yet to be moved to the artifacts folder. "
                            + "Send the event again later; if it is refused for minutes, the log has the reason",
                        "too_many_events");
                    break;
            }
        }

        RefusedEvent[] refused = [.. rows.Select((row, i) => new RefusedEvent(i, row.Errors)).Where(row => row.Errors.Count > 0)];
        return refused.Length == rows.Count
            ? TypedResults.UnprocessableEntity(new FieldErrors([.. refused.SelectMany(row => row.Errors)]))
            : TypedResults.Ok(new EventReceipt(
                outcomes.Count(outcome => outcome == EventOutcome.Stored), outcomes.Count(outcome => outcome == EventOutcome.Duplicate), refused, http.TraceIdentifier));
    }

    private static Task<IResult> DeleteUser(HttpContext http, EventStore store, RecommendationCache cache, string id) =>
        DeleteAllAsync(http, store, cache, id, forget: true);

    private static Task<IResult> DeleteEvents(HttpContext http, EventStore store, RecommendationCache cache, string id) =>
        DeleteAllAsync(http, store, cache, id, forget: false);

    private static Task<IResult> DeleteAllAsync(HttpContext http, EventStore store, RecommendationCache cache, string id, bool forget) =>
        DeleteAsync(http, id, async user =>
        {
            long deleted = await store.DeleteAsync(user, forget);
            await store.ForgetLatestAsync(user);
            await cache.DeleteAsync(user);
            return deleted;
        });

    private static Task<IResult> DeleteEvent(HttpContext http, EventStore store, string id, string key) =>
        DeleteAsync(http, id, async user =>
        {
            long deleted = await store.DeleteAsync(user, EventReader.FieldOf(key));
            return deleted == 0 && EventReader.IsField(key) ? await store.DeleteAsync(user, key) : deleted;
        });

    private static async Task<IResult> DeleteAsync(HttpContext http, string id, Func<EntityId, Task<long>> delete)
    {
        var fields = new UrlFields();
        EntityId user = fields.PathId(id);
        return fields.Errors.Count > 0
            ? TypedResults.UnprocessableEntity(new FieldErrors(fields.Errors))
            : TypedResults.Ok(new EventsDeleted(await delete(user), http.TraceIdentifier));
    }
}

/// <summary>Reads one event from a request's body and reports all its errors.</summary>
internal sealed class EventReader(StoreHealth health)
{
    private const int MaxKeyLength = 128;
    private const string OldName = "movie_id"; // alias of item_id
    private const int MaxTypeLength = 64;
    private const string Keyed = "key:";
    private const string Timed = "at:";
    private const string New = "new:";

    private long _lastReceived;

    /// <param name="knows">Whether an item is in the catalog.</param>
    /// <returns>Valid only if <paramref name="fields"/> has no errors.</returns>
    public EventDraft Read(BodyFields fields, Func<EntityId, bool> knows)
    {
        DateTimeOffset now = health.UtcNow;
        EntityId user = fields.Id("user_id");
        string itemName = fields.Has(OldName) ? OldName : "item_id";
        EntityId item = fields.Id(itemName);
        double? rating = fields.OptionalNumber("rating", float.MinValue, float.MaxValue);
        string type = fields.OptionalText("type", MaxTypeLength)?.Trim() ?? (rating is null ? EventTypes.Watch : EventTypes.Rate);
        long? given = fields.OptionalInt64("timestamp");
        string? key = fields.OptionalText("key", MaxKeyLength);
        string? request = fields.OptionalText("request_id", MaxKeyLength);
        fields.ForbidOthers();
        CheckType(fields, type, rating);
        CheckTime(fields, given, now);
        if (fields.Errors.Count == 0 && !knows(item))
        {
            fields.Refuse(itemName, $"Item {item} is not in the catalog; POST /items adds items", "unknown_item");
        }

        long timestamp = given ?? now.ToUnixTimeSeconds();
        var happened = new UserEvent(item, timestamp, type, (float?)rating, NextReceived(now));
        return new EventDraft(user, Field(key, given, item, type), happened, IsTimed: given is not null, request);
    }

    // Microseconds, each value used once, so that a batch's events keep their order and a repeated event differs from the first.
    private long NextReceived(DateTimeOffset now)
    {
        long last, next;
        do
        {
            last = Volatile.Read(ref _lastReceived);
            next = Math.Max(last + 1, now.ToUnixTimeMilliseconds() * 1000);
        }
        while (Interlocked.CompareExchange(ref _lastReceived, next, last) != last);
        return next;
    }

    /// <summary>The field in which an event with a key is stored.</summary>
    public static string FieldOf(string key) => Keyed + key;

    /// <summary>The key that deletes the event of a field.</summary>
    public static string KeyOf(string field) => field.StartsWith(Keyed, StringComparison.Ordinal) ? field[Keyed.Length..] : field;

    /// <summary>Whether it may be the field of an event without a key.</summary>
    public static bool IsField(string key) => key.StartsWith(Timed, StringComparison.Ordinal) || key.StartsWith(New, StringComparison.Ordinal);

    // Without a key and a time, a repetition cannot be distinguished from a second event.
    private static string Field(string? key, long? timestamp, EntityId item, string type) =>
        key is not null ? FieldOf(key)
        : timestamp is { } when ? $"{Timed}{when}:{Uri.EscapeDataString(item.Text)}:{type}"
        : $"{New}{Guid.NewGuid():N}";

    private static void CheckType(BodyFields fields, string type, double? rating)
    {
        if (type.Length == 0 || type.Any(char.IsControl))
        {
            fields.Refuse("type", "String should not be blank or have control characters", "string_type");
        }
        else if (type == EventTypes.Rate && rating is null)
        {
            fields.Refuse("rating", "A 'rate' event needs a rating", "missing");
        }
    }

    // Well-kept clocks differ by less. An event further in the future would remain the newest until its time has come.
    private static void CheckTime(BodyFields fields, long? timestamp, DateTimeOffset now)
    {
        if (timestamp < 0)
        {
            fields.Refuse("timestamp", "Input should be seconds since 1970", "greater_than_equal");
        }
        else if (timestamp > (now + Clocks.AllowedSkew).ToUnixTimeSeconds())
        {
            fields.Refuse(
                "timestamp",
                $"Is {timestamp - now.ToUnixTimeSeconds()} s in the future, {Clocks.AllowedSkew.TotalSeconds} s are allowed: is it in seconds since 1970, and is the clock right?",
                "in_the_future");
        }
    }
}

/// <summary>A validated event that is to be stored.</summary>
/// <param name="Field">Its idempotency key, unique among the user's events.</param>
/// <param name="IsTimed">Whether the client gave the time.</param>
/// <param name="RequestId">Id of the answer that led to it, if the client sent one.</param>
internal sealed record EventDraft(EntityId UserId, string Field, UserEvent Event, bool IsTimed, string? RequestId);
