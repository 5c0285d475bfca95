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

    /// <param name="model">The snapshot that answers.</param>
    /// <param name="query">Who asks.</param>
    /// <param name="eventCount">As the cache's look-up found it: 0 spares the question, null says that Redis is away.</param>
    public async ValueTask<History> ReadAsync(ModelSnapshot model, RecommendationQuery query, long? eventCount)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(query);
        return query.Session is { } movies ? ReadSession(model, movies)
            : eventCount > 0 ? await ReadUserAsync(model, query.UserId!.Value)
            : Merge(model, query.UserId!.Value, eventCount is null && store.IsConfigured ? null : []);
    }

    /// <summary>What a user has seen, as the model and the store have it now.</summary>
    public async ValueTask<History> ReadUserAsync(ModelSnapshot model, int userId)
    {
        ArgumentNullException.ThrowIfNull(model);
        return Merge(model, userId, store.IsConfigured ? await ReadEventsAsync(userId) : []);
    }

    private static History Merge(ModelSnapshot model, int userId, IReadOnlyList<UserEvent>? events)
    {
        bool isKnown = model.Histories.TryGet(userId, out ReadOnlySpan<int> rows, out ReadOnlySpan<long> times);
        History history = EventMerge.Merge(model.Catalog, rows, times, events ?? []);
        return history with
        {
            EmptyReason = history.Rows.Length > 0 ? null : isKnown || history.Events > 0 ? EmptyHistory : UnknownUser,
            // Of a user who came back after the model's last day, that day.
            Now = history.Times.IsEmpty ? model.DataUntil : Math.Max(model.DataUntil, history.Times.Span[^1]),
            IsWhole = events is not null,
        };
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

    private static History ReadSession(ModelSnapshot model, IReadOnlyList<int> movies)
    {
        var rows = new List<int>(movies.Count);
        var unknown = new List<int>();
        foreach (int movie in movies)
        {
            if (model.Catalog.TryFind(new ItemId(movie), out ItemIndex index))
            {
                rows.Add(index.Value);
            }
            else
            {
                unknown.Add(movie);
            }
        }

        return new History([.. rows], rows.Count == 0 ? UnknownMovies : null, unknown.Count == 0 ? null : unknown) { Now = model.DataUntil };
    }
}
