using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Turns ranked rows into movies, and adds what the query asked for besides.</summary>
public sealed class AnswerWriter(Explainer explainer)
{
    private const int ShownHistory = 20;

    public Answer Write(ServedCatalog catalog, RecommendationQuery query, History history, ReadOnlySpan<Candidate> ranked, string? fallbackReason)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(history);
        Candidate[] best = ranked[..Math.Min(ranked.Length, query.K)].ToArray();
        RecommendationReason[]? reasons = query.Explain
            ? explainer.Explain(catalog, best, fallbackReason is null ? history : null)
            : null;
        int[] unknown = [.. (history.UnknownMovieIds ?? []).Concat(query.Filter.UnknownIds(catalog)).Distinct()];
        MovieInfo[] movies = Array.ConvertAll(best, candidate => catalog.MovieAt(candidate.Row));
        return new Answer
        {
            MovieIds = Array.ConvertAll(movies, movie => movie.MovieId),
            Scores = Array.ConvertAll(best, candidate => candidate.Score),
            Explanations = reasons?.Select(Explainer.InWords).ToArray() ?? [],
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
