using System.Globalization;
using NanoRecSys.Api.Errors;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Api.Events;

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
