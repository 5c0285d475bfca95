using NanoRecSys.Api.Events;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;
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
    /// <param name="events">The user's, as the cache's look-up found them; null says that Redis is away, or not there.</param>
    public History Read(ServedCatalog catalog, RecommendationQuery query, IReadOnlyList<UserEvent>? events)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(query);
        return query.Session is { } session ? ReadSession(catalog, session)
            : Merge(catalog, query.UserId!.Value, events ?? (store.IsConfigured ? null : []));
    }

    /// <summary>What a user has seen, as the model and the store have it now.</summary>
    public async ValueTask<History> ReadUserAsync(ServedCatalog catalog, int userId)
    {
        ArgumentNullException.ThrowIfNull(catalog);
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
