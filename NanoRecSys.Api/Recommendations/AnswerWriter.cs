using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Turns ranked rows into movies, and adds what the query asked for besides.</summary>
public sealed class AnswerWriter(Explainer explainer)
{
    private const int ShownHistory = 20;

    public Answer Write(ModelSnapshot model, RecommendationQuery query, History history, ReadOnlySpan<Candidate> ranked, string? fallbackReason)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(history);
        Candidate[] best = ranked[..Math.Min(ranked.Length, query.K)].ToArray();
        RecommendationReason[]? reasons = query.Explain
            ? [.. best.Select(candidate => explainer.Explain(model, candidate.Row, fallbackReason is null ? history : null))]
            : null;
        return new Answer
        {
            Movies = [.. best.Select(candidate => model.MovieAt(candidate.Row))],
            Scores = [.. best.Select(candidate => candidate.Score)],
            Reasons = reasons,
            Explanations = reasons?.Select(Explainer.InWords).ToArray(),
            History = query.IncludeHistory ? [.. history.Rows.TakeLast(ShownHistory).Select(model.MovieAt)] : null,
            UnknownMovieIds = history.UnknownMovieIds,
            FallbackReason = fallbackReason,
            Version = model.Version,
            Events = history.Events,
        };
    }
}
