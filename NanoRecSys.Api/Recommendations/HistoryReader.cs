using NanoRecSys.Api.Events;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Events;
using StackExchange.Redis;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>history</c>: finds what the user, or the session, has seen.</summary>
internal sealed class HistoryReader(EventStore store, RedisOutage outage)
{
    public const string UnknownUser = "unknown_user";
    public const string EmptyHistory = "empty_history";
    public const string UnknownMovies = "unknown_movies";

    /// <param name="catalog">The model that answers, and its movies.</param>
    /// <param name="query">Who asks.</param>
    /// <param name="events">The user's, as the cache's look-up found them; null says that Redis is away, or not there.</param>
    public History Read(ServedCatalog catalog, RecommendationQuery query, IReadOnlyList<UserEvent>? events)
    {
        return query.Session is { } session ? ReadSession(catalog, session)
            : Merge(catalog, query.UserId!.Value, events ?? (store.IsConfigured ? null : []));
    }

    /// <summary>What a user has seen, as the model and the store have it now.</summary>
    public async ValueTask<History> ReadUserAsync(ServedCatalog catalog, int userId)
    {
        return Merge(catalog, userId, store.IsConfigured ? await ReadEventsAsync(userId) : []);
    }

    private static History Merge(ServedCatalog catalog, int userId, IReadOnlyList<UserEvent>? events)
    {
        UserHistories published = catalog.Model.Histories;
        int position = published.PositionOf(userId);
        bool isKnown = position >= 0;
        LiveItem[] live = [.. LiveItems(catalog, events ?? [])];
        History history = EventMerge.Merge(isKnown ? published.At(position) : default, isKnown ? published.TimesAt(position) : default, live);
        return history with
        {
            Events = events?.Count ?? 0,
            EmptyReason = history.Rows.Length > 0 ? null : isKnown || events?.Count > 0 ? EmptyHistory : UnknownUser,
            // Of a user who came back after the model's last day, that day.
            Now = history.Times.IsEmpty ? catalog.Model.DataUntil : Math.Max(catalog.Model.DataUntil, history.Times.Span[^1]),
            PublishedAt = isKnown && live.Length == 0 ? position : null,
            IsWhole = events is not null,
        };
    }

    // Events with movies that this catalog does not hold wait for a later model.
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

    private async Task<IReadOnlyList<UserEvent>?> ReadEventsAsync(int userId)
    {
        try
        {
            return await store.ReadAsync(userId);
        }
        catch (Exception e) when (e is RedisException or TimeoutException or InvalidDataException)
        {
            outage.Report(e);
            return null;
        }
    }

    private static History ReadSession(ServedCatalog catalog, Session session)
    {
        var rows = new List<int>(session.MovieIds.Count);
        var times = new List<long>(session.MovieIds.Count);
        var excluded = new List<int>();
        var unknown = new List<int>();
        foreach ((int movie, long time) in session.InOrder())
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

        bool isTimed = session.Times is not null && rows.Count > 0;
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
/// <param name="EmptyReason">Why there is none, where there is none: the answer's <c>fallback_reason</c>.</param>
/// <param name="UnknownMovieIds">A session's movies that the catalog does not hold.</param>
internal sealed record History(int[] Rows, string? EmptyReason = null, IReadOnlyList<int>? UnknownMovieIds = null)
{
    /// <summary>When each of <see cref="Rows"/> came; none of a session, which came just now.</summary>
    public ReadOnlyMemory<long> Times { get; init; }

    /// <summary>When it is asked what follows; see <see cref="Models.ModelSnapshot.DataUntil"/>.</summary>
    public long Now { get; init; }

    /// <summary>Rows that are not recommended although the model does not read them: disliked, or newer than the model.</summary>
    public IReadOnlyList<int> Excluded { get; init; } = [];

    /// <summary>How many events it holds beside what the model was published with.</summary>
    public long Events { get; init; }

    /// <summary>The user's place among the published histories, where this one is just what was published; null where it is not.</summary>
    public int? PublishedAt { get; init; }

    /// <summary>False where Redis could not be asked for the user's events.</summary>
    public bool IsWhole { get; init; } = true;
}

/// <param name="Row">Of the movie.</param>
/// <param name="Time">When it happened.</param>
/// <param name="IsRead">Whether it becomes part of the history; else the movie is only left out from then on.</param>
internal readonly record struct LiveItem(int Row, long Time, bool IsRead);

/// <summary>Puts a user's events among the interactions that the model was published with.</summary>
internal static class EventMerge
{
    /// <param name="rows">The published history, oldest first.</param>
    /// <param name="times">Beside <paramref name="rows"/>; empty where they are not known.</param>
    /// <param name="events">In the order in which they happened.</param>
    /// <returns>
    /// Everything once, by time; of equal times the published first. An event that was folded into the published
    /// history (the same movie at the same time; without times, the same movie) is not counted twice.
    /// </returns>
    public static History Merge(ReadOnlySpan<int> rows, ReadOnlySpan<long> times, IReadOnlyList<LiveItem> events)
    {
        if (events.Count == 0)
        {
            return new History(rows.ToArray()) { Times = times.ToArray() };
        }

        bool timed = times.Length == rows.Length; // of nothing, too
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
}
