using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>history</c>: finds what the user, or the session, has seen.</summary>
public sealed class HistoryReader
{
    public const string UnknownUser = "unknown_user";
    public const string EmptyHistory = "empty_history";
    public const string UnknownMovies = "unknown_movies";

    public History Read(ModelSnapshot model, RecommendationQuery query)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(query);
        return query.Session is { } movies ? ReadSession(model, movies) : ReadUser(model, query.UserId!.Value);
    }

    private static History ReadUser(ModelSnapshot model, int userId) =>
        !model.Histories.TryGet(userId, out ReadOnlySpan<int> rows, out ReadOnlySpan<long> times) ? new History([], UnknownUser)
        : rows.IsEmpty ? new History([], EmptyHistory)
        : new History(rows.ToArray()) { Times = times.ToArray(), Now = model.DataUntil };

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
