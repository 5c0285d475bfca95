using NanoRecSys.Core.Events;

namespace NanoRecSys.Core.Serving;

/// <summary>Stage <c>history</c>: reads the history of the user or session.</summary>
internal static class HistoryReader
{
    public const string UnknownUser = "unknown_user";
    public const string EmptyHistory = "empty_history";
    public const string UnknownItems = "unknown_items";
    public const string UnknownMovies = "unknown_movies";
    public const string EventsUnavailable = "events_unavailable"; // only the events could show whether this user is known

    /// <param name="events">The user's events, from the cache lookup.</param>
    public static History Read(ServedCatalog catalog, RecommendationRequest request, UserEvents events)
    {
        History history = request.ItemIds is { } items ? ReadSession(catalog, items, request.Times, request.ShowsMovies ? UnknownMovies : UnknownItems)
            : request.UserId is { } user ? ReadUser(catalog, user, events)
            : new History([], UnknownItems) { Now = catalog.Model.DataUntil };
        return request.InView is { } view ? WithView(catalog, history, view) : history;
    }

    // The item in view is the newest of the history; if the user tower cannot read it, the encode stage handles it.
    private static History WithView(ServedCatalog catalog, History history, EntityId view)
    {
        if (!catalog.TryFind(view, out int row))
        {
            return history with { UnknownItemIds = [.. history.UnknownItemIds ?? [], view] };
        }

        history = history with { EmptyReason = null, PublishedAt = null, InView = 1 };
        bool isTimed = !history.Times.IsEmpty || history.Rows.Length == 0;
        return catalog.IsRead(row)
            ? history with { Rows = [.. history.Rows, row], Times = isTimed ? (long[])[.. history.Times.Span, history.Now] : default }
            : history with { InView = 0, NewInView = row, Excluded = [.. history.Excluded, row] };
    }

    /// <summary>Merges a user's events into the published interactions.</summary>
    /// <param name="rows">The published history, oldest first.</param>
    /// <param name="times">Parallel to <paramref name="rows"/>; empty if unknown.</param>
    /// <param name="events">In the order in which they happened.</param>
    /// <returns>
    /// All of them, by time; at equal times the published ones first. An event that the published history already contains
    /// (the same item at the same time; without times, the same item) is not counted twice.
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

    /// <summary>A user's history.</summary>
    public static History ReadUser(ServedCatalog catalog, EntityId userId, UserEvents events)
    {
        UserHistories published = catalog.Model.Histories;
        int position = published.PositionOf(userId);
        bool isKnown = position >= 0 && !catalog.Model.Forgets(events.ForgottenAt);
        LiveItem[] live = [.. LiveItems(catalog, events.Items)];
        History history = Merge(isKnown ? published.At(position) : default, isKnown ? published.TimesAt(position) : default, live);
        string reason = !events.IsWhole ? EventsUnavailable : isKnown || events.Items.Count > 0 ? EmptyHistory : UnknownUser;
        return history with
        {
            EmptyReason = history.Rows.Length > 0 ? null : reason,
            // For a user with events after the model's last day, the time of the latest one.
            Now = history.Times.IsEmpty ? catalog.Model.DataUntil : Math.Max(catalog.Model.DataUntil, history.Times.Span[^1]),
            PublishedAt = isKnown && live.Length == 0 ? position : null,
            IsWhole = events.IsWhole,
        };
    }

    // Events of items that are not in this catalog wait for a later model.
    private static IEnumerable<LiveItem> LiveItems(ServedCatalog catalog, IReadOnlyList<UserEvent> events)
    {
        foreach (UserEvent happened in events)
        {
            if (catalog.TryFind(happened.ItemId, out int row))
            {
                yield return new LiveItem(row, happened.Timestamp, happened.IsPositive && catalog.IsRead(row));
            }
        }
    }

    private static History ReadSession(ServedCatalog catalog, IReadOnlyList<EntityId> items, IReadOnlyList<long>? itemTimes, string unknownReason)
    {
        var rows = new List<int>(items.Count);
        var times = new List<long>(items.Count);
        var excluded = new List<int>();
        var unknown = new List<EntityId>();
        foreach ((EntityId item, long time) in items.Select((item, i) => (item, itemTimes?[i] ?? 0)).OrderBy(happened => happened.Item2))
        {
            if (!catalog.TryFind(item, out int row))
            {
                unknown.Add(item);
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

        bool isTimed = itemTimes is not null && rows.Count > 0;
        return new History([.. rows], rows.Count == 0 ? unknownReason : null, unknown.Count == 0 ? null : unknown)
        {
            Times = isTimed ? times.ToArray() : default,
            Now = isTimed ? Math.Max(catalog.Model.DataUntil, times[^1]) : catalog.Model.DataUntil,
            Excluded = excluded,
        };
    }
}

/// <summary>A history with the model's item rows.</summary>
/// <param name="Rows">Item rows, oldest first.</param>
/// <param name="EmptyReason">Why it is empty, if so: the response's <c>fallback_reason</c>.</param>
/// <param name="UnknownItemIds">The request's items that are not in the catalog.</param>
internal sealed record History(int[] Rows, string? EmptyReason = null, IReadOnlyList<EntityId>? UnknownItemIds = null)
{
    public ReadOnlyMemory<long> Times { get; init; } // time of each of Rows; empty if unknown
    public long Now { get; init; } // the time of the request; see DataUntil

    /// <summary>Rows that are not recommended although they are not inputs of the model: disliked, or newer than the model.</summary>
    public IReadOnlyList<int> Excluded { get; init; } = [];

    public int? PublishedAt { get; init; } // the user's position in the published histories; null if this history differs from the published one
    public int InView { get; init; } // 1 if the last of Rows is the item in view
    public int? NewInView { get; init; } // the item in view, if the user tower cannot read it
    public bool IsWhole { get; init; } = true; // false if Redis did not return the user's events
    public TimedHistory Timed => new(Rows, Times, Now); // the user tower's input
}

/// <param name="IsRead">Whether it becomes part of the history; otherwise the item is only excluded from then on.</param>
internal readonly record struct LiveItem(int Row, long Time, bool IsRead);
