using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Turns chosen rows into movies, and adds what the query asked for besides.</summary>
public static class AnswerWriter
{
    private const int ShownHistory = 20;

    /// <param name="catalog">What recommended.</param>
    /// <param name="query">Who asked for what.</param>
    /// <param name="history">Of whom.</param>
    /// <param name="best">[K] with the served scores.</param>
    /// <param name="reasons">[K]; null where nobody asked for them.</param>
    /// <param name="fallbackReason">Set where popular items stand in for personal ones.</param>
    public static Answer Write(
        ServedCatalog catalog, RecommendationQuery query, History history, Candidate[] best, RecommendationReason[]? reasons, string? fallbackReason)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(history);
        int[] unknown = [.. (history.UnknownMovieIds ?? []).Concat(query.Filter.UnknownIds(catalog)).Distinct()];
        MovieInfo[] movies = Array.ConvertAll(best, candidate => catalog.MovieAt(candidate.Row));
        return new Answer
        {
            MovieIds = Array.ConvertAll(movies, movie => movie.MovieId),
            Scores = Array.ConvertAll(best, candidate => candidate.Score),
            Explanations = reasons?.Select(ReasonWords.Of).ToArray() ?? [],
            Reasons = reasons,
            Movies = movies,
            History = query.IncludeHistory ? [.. history.Rows.TakeLast(ShownHistory).Select(catalog.MovieAt)] : null,
            UnknownMovieIds = unknown.Length == 0 ? null : unknown,
            FallbackReason = fallbackReason,
            Version = catalog.Model.Version,
            Events = history.Events,
        };
    }
}
