namespace NanoRecSys.Api.Recommendations;

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
