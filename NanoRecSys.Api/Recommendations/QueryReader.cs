using NanoRecSys.Api.Errors;
using NanoRecSys.Api.Models;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Reads what a recommendation's body asks for; what is wrong becomes the body's errors.</summary>
internal static class QueryReader
{
    internal const int DefaultK = 10;
    private const int MaxIds = 1000;
    private const int MaxGenres = 50;
    private const int MaxGenre = 40;

    public static RecommendationQuery User(BodyFields body) => Options(body) with { UserId = body.Int32("user_id", fallback: null) };

    public static RecommendationQuery Session(BodyFields body)
    {
        IReadOnlyList<int> movies = body.Int32List("movie_ids", MaxIds);
        IReadOnlyList<long> times = body.OptionalInt64List("times", MaxIds);
        if (times.Count > 0 && times.Count != movies.Count)
        {
            body.Refuse("times", $"{movies.Count} movies have {times.Count} times", "length_mismatch");
        }

        return Options(body) with { Session = new Session(movies, times.Count > 0 && times.Count == movies.Count ? times : null) };
    }

    /// <summary>Names the filter's genres that no movie has: such a filter would let nothing through, or all.</summary>
    public static void CheckGenres(BodyFields body, RecommendationQuery query, ModelSnapshot model)
    {
        foreach (string genre in query.Filter.GenresAny.Concat(query.Filter.GenresNone).Where(genre => !model.Genres.Contains(genre)).Distinct())
        {
            body.Refuse("filters", $"No movie has the genre '{genre}'; there are {string.Join(", ", model.Genres.Order(StringComparer.Ordinal))}", "unknown_genre");
        }
    }

    private static RecommendationQuery Options(BodyFields body) => new()
    {
        K = body.Int32("k", DefaultK, 1, RecommendationQuery.MaxK),
        Explain = body.Boolean("explain", false),
        IncludeHistory = body.Boolean("include_history", false),
        Filter = Filter(body.OptionalObject("filters")),
        Shape = new ListShape(body.OptionalNumber("diversity", 0, 1) ?? 0, body.OptionalNumber("popularity_penalty", 0, 1) ?? 0),
    };

    // Ours on the original's call, too: a misspelt filter must not be ignored.
    private static ItemFilter Filter(BodyFields? fields)
    {
        if (fields is null)
        {
            return ItemFilter.None;
        }

        var filter = new ItemFilter
        {
            GenresAny = fields.OptionalTextList("genres_any", MaxGenres, MaxGenre),
            GenresNone = fields.OptionalTextList("genres_none", MaxGenres, MaxGenre),
            YearFrom = fields.OptionalInt32("year_from"),
            YearTo = fields.OptionalInt32("year_to"),
            ExcludeIds = fields.OptionalInt32List("exclude_ids", MaxIds),
            OnlyIds = fields.OptionalInt32List("only_ids", MaxIds),
            MinPopularity = fields.OptionalInt32("min_popularity", min: 0) ?? 0,
        };
        fields.ForbidOthers();
        return filter;
    }
}
