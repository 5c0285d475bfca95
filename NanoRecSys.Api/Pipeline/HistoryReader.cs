using NanoRecSys.Api.Events;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Events;
using StackExchange.Redis;

namespace NanoRecSys.Api.Pipeline;

/// <summary>Stage <c>history</c>: finds what the user, or the session, has seen.</summary>
internal sealed class HistoryReader(EventStore store, Outages outages)
{
    public const string UnknownUser = "unknown_user";
    public const string EmptyHistory = "empty_history";
    public const string UnknownMovies = "unknown_movies";

    /// <summary>Only the events could tell whether this user is known.</summary>
    public const string EventsUnavailable = "events_unavailable";

    /// <param name="catalog">The model that answers, and its movies.</param>
    /// <param name="request">Names the user or the session.</param>
    /// <param name="events">The user's, as the cache's lookup found them; null if Redis did not answer.</param>
    public static History Read(ServedCatalog catalog, RecommendationRequest request, IReadOnlyList<UserEvent>? events)
    {
        return request.MovieIds is { } movies ? ReadSession(catalog, movies, request.Times) : ReadUser(catalog, request.UserId!.Value, events);
    }

    /// <summary>What a user has seen, by the model and the store.</summary>
    public async ValueTask<History> ReadUserAsync(ServedCatalog catalog, EntityId userId)
    {
        return ReadUser(catalog, userId, store.IsConfigured ? await ReadEventsAsync(userId) : []);
    }

    /// <summary>Merges a user's events into the interactions that the model was published with.</summary>
    /// <param name="rows">The published history, oldest first.</param>
    /// <param name="times">Beside <paramref name="rows"/>; empty if unknown.</param>
    /// <param name="events">In the order in which they happened.</param>
    /// <returns>
    /// Everything once, by time; at equal times the published first. An event that was folded into the published
    /// history (the same movie at the same time; without times, the same movie) is not counted twice.
    /// </returns>
    internal static History Merge(ReadOnlySpan<int> rows, ReadOnlySpan<long> times, IReadOnlyList<LiveItem> events)
    {
        if (events.Count == 0)
        {
            return new History(rows.ToArray()) { Times = times.ToArray() };
        }

        bool timed = times.Length == rows.Length; // also if both are empty
        var published = new HashSet<(int Row, long Time)>(rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            published.Add((rows[i], timed ? times[i] : 0));
        }

        var merged = new List<int>(rows.Length + events.Count);
        var mergedTimes = new List<long>(merged.Capacity);
        var excluded = new List<int>();
        int next = 0;
        foreach (LiveItem happened in events)
        {
            if (!happened.IsRead)
            {
                excluded.Add(happened.Row);
            }
            else if (!published.Contains((happened.Row, timed ? happened.Time : 0)))
            {
                while (next < rows.Length && (!timed || times[next] <= happened.Time))
                {
                    Take(rows, times, next++);
                }

                merged.Add(happened.Row);
                mergedTimes.Add(happened.Time);
            }
        }

        while (next < rows.Length)
        {
            Take(rows, times, next++);
        }

        return new History([.. merged]) { Times = timed ? mergedTimes.ToArray() : default, Excluded = excluded };

        void Take(ReadOnlySpan<int> rows, ReadOnlySpan<long> times, int i)
        {
            merged.Add(rows[i]);
            mergedTimes.Add(timed ? times[i] : 0);
        }
    }

    private static History ReadUser(ServedCatalog catalog, EntityId userId, IReadOnlyList<UserEvent>? events)
    {
        UserHistories published = catalog.Model.Histories;
        int position = published.PositionOf(userId);
        bool isKnown = position >= 0;
        LiveItem[] live = [.. LiveItems(catalog, events ?? [])];
        History history = Merge(isKnown ? published.At(position) : default, isKnown ? published.TimesAt(position) : default, live);
        string reason = events is null ? EventsUnavailable : isKnown || events.Count > 0 ? EmptyHistory : UnknownUser;
        return history with
        {
            EmptyReason = history.Rows.Length > 0 ? null : reason,
            // For a user who came back after the model's last day, that day.
            Now = history.Times.IsEmpty ? catalog.Model.DataUntil : Math.Max(catalog.Model.DataUntil, history.Times.Span[^1]),
            PublishedAt = isKnown && live.Length == 0 ? position : null,
            IsWhole = events is not null,
        };
    }

    // Events of movies that this catalog does not hold wait for a later model.
    private static IEnumerable<LiveItem> LiveItems(ServedCatalog catalog, IReadOnlyList<UserEvent> events)
    {
        foreach (UserEvent happened in events)
        {
            if (catalog.TryFind(happened.MovieId, out int row))
            {
                yield return new LiveItem(row, happened.Timestamp, happened.IsPositive && catalog.IsRead(row));
            }
        }
    }

    private async Task<IReadOnlyList<UserEvent>?> ReadEventsAsync(EntityId userId)
    {
        try
        {
            return await store.ReadAsync(userId, (await store.StateAsync(userId)).Count);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidDataException)
        {
            outages.ReportRedis(e);
            return null;
        }
    }

    private static History ReadSession(ServedCatalog catalog, IReadOnlyList<EntityId> movies, IReadOnlyList<long>? movieTimes)
    {
        var rows = new List<int>(movies.Count);
        var times = new List<long>(movies.Count);
        var excluded = new List<int>();
        var unknown = new List<EntityId>();
        foreach ((EntityId movie, long time) in movies.Select((movie, i) => (movie, movieTimes?[i] ?? 0)).OrderBy(watched => watched.Item2))
        {
            if (!catalog.TryFind(movie, out int row))
            {
                unknown.Add(movie);
            }
            else if (!catalog.IsRead(row))
            {
                excluded.Add(row);
            }
            else
            {
                rows.Add(row);
                times.Add(time);
            }
        }

        bool isTimed = movieTimes is not null && rows.Count > 0;
        return new History([.. rows], rows.Count == 0 ? UnknownMovies : null, unknown.Count == 0 ? null : unknown)
        {
            Times = isTimed ? times.ToArray() : default,
            Now = isTimed ? Math.Max(catalog.Model.DataUntil, times[^1]) : catalog.Model.DataUntil,
            Excluded = excluded,
        };
    }
}

/// <summary>What a user has seen, as the model knows it.</summary>
/// <param name="Rows">Item rows, oldest first.</param>
/// <param name="EmptyReason">Why it is empty, if it is: the response's <c>fallback_reason</c>.</param>
/// <param name="UnknownMovieIds">A session's movies that the catalog does not hold.</param>
internal sealed record History(int[] Rows, string? EmptyReason = null, IReadOnlyList<EntityId>? UnknownMovieIds = null)
{
    /// <summary>When each of <see cref="Rows"/> came; empty if that is not known.</summary>
    public ReadOnlyMemory<long> Times { get; init; }

    /// <summary>The time of the request; see <see cref="ModelSnapshot.DataUntil"/>.</summary>
    public long Now { get; init; }

    /// <summary>Rows that are not recommended although the model does not read them: disliked, or newer than the model.</summary>
    public IReadOnlyList<int> Excluded { get; init; } = [];

    /// <summary>The user's position in the published histories; null if this one is not what was published.</summary>
    public int? PublishedAt { get; init; }

    /// <summary>False if Redis did not return the user's events.</summary>
    public bool IsWhole { get; init; } = true;

    /// <summary>What the user tower reads.</summary>
    public TimedHistory Timed => new(Rows, Times, Now);
}

/// <param name="Row">Of the movie.</param>
/// <param name="Time">When it happened.</param>
/// <param name="IsRead">Whether it becomes part of the history; else the movie is only excluded from then on.</param>
internal readonly record struct LiveItem(int Row, long Time, bool IsRead);
