using NanoRecSys.Core.Data;
using NanoRecSys.Core.Events;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Puts a user's events among the interactions that the model was published with.</summary>
internal static class EventMerge
{
    /// <param name="catalog">Of the model; events with movies that it does not hold wait for a later one.</param>
    /// <param name="rows">The published history, oldest first.</param>
    /// <param name="times">Beside <paramref name="rows"/>; empty where they are not known.</param>
    /// <param name="events">In the order in which they happened.</param>
    /// <returns>
    /// Everything once, by time; of equal times the published first. An event that was folded into the published
    /// history (the same movie at the same time; without times, the same movie) is not counted twice.
    /// </returns>
    public static History Merge(Catalog catalog, ReadOnlySpan<int> rows, ReadOnlySpan<long> times, IReadOnlyList<UserEvent> events)
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
        var disliked = new List<int>();
        int next = 0;
        foreach (UserEvent happened in events)
        {
            if (!catalog.TryFind(new ItemId(happened.MovieId), out ItemIndex index))
            {
                continue;
            }

            if (!happened.IsPositive)
            {
                disliked.Add(index.Value);
            }
            else if (!published.Contains((index.Value, timed ? happened.Timestamp : 0)))
            {
                while (next < rows.Length && (!timed || times[next] <= happened.Timestamp))
                {
                    Take(rows, times, next++);
                }

                merged.Add(index.Value);
                mergedTimes.Add(happened.Timestamp);
            }
        }

        while (next < rows.Length)
        {
            Take(rows, times, next++);
        }

        return new History([.. merged]) { Times = timed ? mergedTimes.ToArray() : default, Disliked = disliked, Events = events.Count };

        void Take(ReadOnlySpan<int> rows, ReadOnlySpan<long> times, int i)
        {
            merged.Add(rows[i]);
            mergedTimes.Add(timed ? times[i] : 0);
        }
    }
}
