using NanoRecSys.Core.Contracts;

namespace NanoRecSys.Api.Recommendations;

/// <summary>A reason as a sentence.</summary>
public static class ReasonWords
{
    public static string Of(RecommendationReason reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        string news = reason.IsNew ? " New here: placed by its title, year and genres." : "";
        string movies = string.Join(" and ", reason.Because.Select(cause => cause.Movie.Title));
        string genres = reason.SharedGenres.Count == 0 ? "" : $", also {string.Join(", ", reason.SharedGenres)}";
        return reason switch
        {
            { Kind: Explainer.Popular, IsNew: true } => "New here.",
            { Kind: Explainer.Popular, WatchedFirst: > 0 } => $"Popular with people new here: among the first movies of {reason.WatchedFirst}.",
            { Kind: Explainer.Popular } => $"Popular with people here: watched {reason.Watched} times.",
            { Because.Count: 0 } => $"Fits your history as a whole; no single movie stands out.{news}",
            { Kind: Explainer.Like } => $"Like {movies}, which you watched{genres}.{news}",
            _ => $"Because you watched {movies}{genres}.{news}",
        };
    }
}
