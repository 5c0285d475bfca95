using System.Globalization;
using Microsoft.AspNetCore.Mvc;
using NanoRecSys.Api.Endpoints;
using NanoRecSys.Api.Http;
using NanoRecSys.Api.Items;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Api.Events;

/// <summary><c>POST /events</c>: interactions as they happen.</summary>
internal static class EventsApi
{
    private const string BatchField = "events";
    private const int MaxBatch = 1000;
    private const int MaxBodyBytes = 512 * 1024; // a full batch with long keys

    public static void AddEvents(this WebApplicationBuilder builder)
    {
        builder.Services.AddSingleton<EventStore>();
        builder.Services.AddSingleton<EventNotices>();
        builder.Services.AddHostedService(services => services.GetRequiredService<EventNotices>());
        builder.Services.AddSingleton<EventReader>();
    }

    public static void MapEvents(this IEndpointRouteBuilder app) =>
        app.MapPost("/events", PostEvents)
            .WithTags("Events")
            .WithSummary("What users did, one event or a batch of up to 1000; their next recommendations reflect it")
            .WithDescription(
                "Answered once everything is stored; all events of a request are stored, or none. Rows that make no sense are refused one by one, " +
                "the others are kept. Sent again with the same key (or the same movie, type and timestamp), an event is stored once. " +
                "Unknown fields are refused. 503: the store is away or full; send the request again.")
            .WithJsonBody<EventBatch, EventReceipt>(
                """{"events": [{"user_id": 42, "movie_id": 1, "rating": 4.5, "timestamp": 1767225600, "key": "a1b2"}, {"user_id": 42, "movie_id": 32, "type": "like"}]}""")
            .WithMetadata(new RequestSizeLimitAttribute(MaxBodyBytes))
            .RequireKey(KeyRole.Write);

    private static async Task<IResult> PostEvents(
        HttpContext http, ServedModel served, AddedMovies added, EventReader reader, EventStore store, StatusReader status, CancellationToken cancellationToken)
    {
        BodyFields body = await JsonBody.ReadStrictAsync(http.Request, cancellationToken);
        bool isBatch = body.Has(BatchField);
        IReadOnlyList<BodyFields> rows = isBatch ? body.Objects(BatchField, MaxBatch) : [body];
        if (isBatch)
        {
            body.ForbidOthers();
        }

        using SnapshotLease? lease = served.Lease();
        if (lease is null && body.Errors.Count == 0)
        {
            return StatusApi.NotReadyResult(status.Read());
        }

        bool Knows(int movie) => lease is null || lease.Model.Catalog.TryFind(new ItemId(movie), out _) || added.Knows(movie);
        EventDraft[] drafts = [.. rows.Select((row, i) => reader.Read(row, i, Knows))];
        if (body.Errors.Count > 0)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors(body.Errors));
        }

        return await StoreAsync(http, drafts, rows, store);
    }

    /// <summary>The answer of every call that has to write, while Redis is away or full.</summary>
    public static IResult StoreAway(HttpContext http, EventStoreException e)
    {
        http.Response.Headers.RetryAfter = "1";
        return TypedResults.Json(new PlainError(e.Message), statusCode: StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> StoreAsync(HttpContext http, EventDraft[] drafts, IReadOnlyList<BodyFields> rows, EventStore store)
    {
        var refused = new SortedDictionary<int, IReadOnlyList<FieldError>>();
        foreach (EventDraft draft in drafts.Where(draft => rows[draft.Index].Errors.Count > 0))
        {
            refused[draft.Index] = rows[draft.Index].Errors;
        }

        EventDraft[] good = [.. drafts.Where(draft => !refused.ContainsKey(draft.Index))];
        EventOutcome[] outcomes = [];
        try
        {
            if (good.Length > 0)
            {
                outcomes = await store.AppendAsync(good);
            }
        }
        catch (EventStoreException e)
        {
            return StoreAway(http, e);
        }

        for (int i = 0; i < good.Length; i++)
        {
            if (outcomes[i] == EventOutcome.KeyReused)
            {
                BodyFields row = rows[good[i].Index];
                row.Refuse("key", "Another event of this user has this key, or without one the same movie, type and timestamp", "key_reused");
                refused[good[i].Index] = row.Errors;
            }
        }

        if (refused.Count == drafts.Length)
        {
            return TypedResults.UnprocessableEntity(new FieldErrors([.. refused.Values.SelectMany(errors => errors)]));
        }

        return TypedResults.Ok(new EventReceipt(
            outcomes.Count(outcome => outcome == EventOutcome.Stored), outcomes.Count(outcome => outcome == EventOutcome.Duplicate),
            [.. refused.Select(row => new RefusedEvent(row.Key, row.Value))], http.TraceIdentifier));
    }
}

/// <summary>Reads one event of a request's body, and says everything that is wrong with it.</summary>
internal sealed class EventReader(TimeProvider time)
{
    private const int MaxKeyLength = 128;
    private const double LeastRating = 0.5;
    private const double MostRating = 5;

    // Clocks of well-kept machines differ by less; beyond it an event would stay the newest for as long as it is early.
    private static readonly TimeSpan AllowedSkew = TimeSpan.FromMinutes(5);

    /// <param name="fields">The event.</param>
    /// <param name="index">Its place in the request.</param>
    /// <param name="knows">Whether a movie is in the catalog.</param>
    /// <returns>To be used only where <paramref name="fields"/> has no errors.</returns>
    public EventDraft Read(BodyFields fields, int index, Func<int, bool> knows)
    {
        DateTimeOffset now = time.GetUtcNow();
        int user = fields.Int32("user_id", fallback: null);
        int movie = fields.Int32("movie_id", fallback: null);
        double? rating = fields.OptionalNumber("rating", LeastRating, MostRating);
        string type = fields.OptionalText("type", MaxKeyLength) ?? (rating is null ? EventTypes.Watch : EventTypes.Rate);
        long? given = fields.OptionalInt64("timestamp");
        string? key = fields.OptionalText("key", MaxKeyLength);
        fields.ForbidOthers();
        CheckType(fields, type, rating);
        CheckTime(fields, given, now);
        if (fields.Errors.Count == 0 && !knows(movie))
        {
            fields.Refuse("movie_id", string.Create(CultureInfo.InvariantCulture, $"Movie {movie} is not in the catalog; POST /items adds movies"), "unknown_movie");
        }

        long timestamp = given ?? now.ToUnixTimeSeconds();
        long received = now.ToUnixTimeMilliseconds() * 1000 + index; // of one batch, in its order
        return new EventDraft(index, user, Field(key, given, movie, type), new UserEvent(movie, timestamp, type, (float?)rating, received));
    }

    // With neither key nor time nothing tells a repetition from a second event.
    private static string Field(string? key, long? timestamp, int movie, string type) =>
        key is not null ? $"key:{key}"
        : timestamp is { } when ? string.Create(CultureInfo.InvariantCulture, $"at:{when}:{movie}:{type}")
        : $"new:{Guid.NewGuid():N}";

    private static void CheckType(BodyFields fields, string type, double? rating)
    {
        if (!EventTypes.All.Contains(type))
        {
            fields.Refuse("type", $"Input should be {string.Join(", ", EventTypes.All)}", "enum");
        }
        else if (type == EventTypes.Rate && rating is null)
        {
            fields.Refuse("rating", "A 'rate' event needs a rating", "missing");
        }
    }

    private static void CheckTime(BodyFields fields, long? timestamp, DateTimeOffset now)
    {
        if (timestamp < 0)
        {
            fields.Refuse("timestamp", "Input should be seconds since 1970", "greater_than_equal");
        }
        else if (timestamp > (now + AllowedSkew).ToUnixTimeSeconds())
        {
            fields.Refuse("timestamp", string.Create(CultureInfo.InvariantCulture,
                $"Lies {timestamp - now.ToUnixTimeSeconds()} s in the future, {AllowedSkew.TotalSeconds} are allowed: are they seconds since 1970, is the clock right?"), "in_the_future");
        }
    }
}

/// <summary>An event that was checked and waits to be stored.</summary>
/// <param name="Index">Its place in the request.</param>
/// <param name="UserId">Whose it is.</param>
/// <param name="Field">Its idempotency key, unique among the user's events.</param>
/// <param name="Event">What happened.</param>
internal sealed record EventDraft(int Index, int UserId, string Field, UserEvent Event);
