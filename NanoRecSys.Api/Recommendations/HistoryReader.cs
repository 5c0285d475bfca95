using NanoRecSys.Api.Events;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Events;
using StackExchange.Redis;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>history</c>: finds what the user, or the session, has seen.</summary>
public sealed class HistoryReader(EventStore store, RedisOutage outage)
{
    public const string UnknownUser = "unknown_user";
    public const string EmptyHistory = "empty_history";
    public const string UnknownMovies = "unknown_movies";

    /// <param name="catalog">The model that answers, and its movies.</param>
    /// <param name="query">Who asks.</param>
    /// <param name="eventCount">As the cache's look-up found it: 0 spares the question, null says that Redis is away.</param>
    public async ValueTask<History> ReadAsync(ServedCatalog catalog, RecommendationQuery query, long? eventCount)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(query);
        return query.Session is { } session ? ReadSession(catalog, session)
            : eventCount > 0 ? await ReadUserAsync(catalog, query.UserId!.Value)
            : Merge(catalog, query.UserId!.Value, eventCount is null && store.IsConfigured ? null : []);
    }

    /// <summary>What a user has seen, as the model and the store have it now.</summary>
    public async ValueTask<History> ReadUserAsync(ServedCatalog catalog, int userId)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        return Merge(catalog, userId, store.IsConfigured ? await ReadEventsAsync(userId) : []);
    }

    private static History Merge(ServedCatalog catalog, int userId, IReadOnlyList<UserEvent>? events)
    {
        bool isKnown = catalog.Model.Histories.TryGet(userId, out ReadOnlySpan<int> rows, out ReadOnlySpan<long> times);
        History history = EventMerge.Merge(rows, times, [.. LiveItems(catalog, events ?? [])]);
        return history with
        {
            Events = events?.Count ?? 0,
            EmptyReason = history.Rows.Length > 0 ? null : isKnown || events?.Count > 0 ? EmptyHistory : UnknownUser,
            // Of a user who came back after the model's last day, that day.
            Now = history.Times.IsEmpty ? catalog.Model.DataUntil : Math.Max(catalog.Model.DataUntil, history.Times.Span[^1]),
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
