using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Says why each movie was recommended: what of the history contributed, measured by leaving it out.</summary>
public sealed class Explainer
{
    /// <summary>Movies of the history made it.</summary>
    public const string FromHistory = "history";

    /// <summary>Nothing is known of whom it is for: most people watched it.</summary>
    public const string Popular = "popular";

    private const int ShownMovies = 3;

    // A movie that did a tenth as much as the first is no reason to name.
    private const float LeastShare = 0.1f;

    /// <param name="catalog">What recommended.</param>
    /// <param name="recommended">[K] with the served scores.</param>
    /// <param name="history">Null where popularity recommended.</param>
    /// <returns>[K]</returns>
    public RecommendationReason[] Explain(ServedCatalog catalog, Candidate[] recommended, History? history)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(recommended);
        if (history is null || recommended.Length == 0)
        {
            return [.. recommended.Select(candidate => new RecommendationReason(catalog.MovieAt(candidate.Row).MovieId, Popular, [], [])
            {
                Watched = catalog.ItemAt(candidate.Row).Count,
            })];
        }

        IReadOnlyList<(int Row, float[] Contributions)> influence = HistoryInfluence.Measure(catalog, history, recommended);
        return [.. recommended.Select((candidate, k) => Explain(catalog, candidate, [.. influence.Select(movie => (movie.Row, movie.Contributions[k]))]))];
    }

    /// <summary>The same as a sentence.</summary>
    public static string InWords(RecommendationReason reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        string news = reason.IsNew ? " New here: placed by its title, year and genres." : "";
        if (reason.Kind == Popular)
        {
            return $"Popular with people here: watched {reason.Watched} times.{news}";
        }

        if (reason.Because.Count == 0)
        {
            return $"Fits your history as a whole; no single movie stands out.{news}";
        }

        string movies = string.Join(" and ", reason.Because.Select(cause => cause.Movie.Title));
        string genres = reason.SharedGenres.Count == 0 ? "" : $", also {string.Join(", ", reason.SharedGenres)}";
        return $"Because you watched {movies}{genres}.{news}";
    }

    private static RecommendationReason Explain(ServedCatalog catalog, Candidate recommended, (int Row, float Contribution)[] influence)
    {
        var largest = new Candidate[ShownMovies];
        var best = new TopK(largest);
        foreach ((int row, float contribution) in influence.Where(movie => movie.Contribution > 0))
        {
            best.Offer(row, contribution);
        }

        int found = best.SortBestFirst();
        ContributingMovie[] because = [.. largest[..found]
            .Where(cause => cause.Score >= LeastShare * largest[0].Score)
            .Select(cause => new ContributingMovie(catalog.MovieAt(cause.Row), cause.Score))];
        MovieInfo movie = catalog.MovieAt(recommended.Row);
        string[] shared = because.Length == 0 ? [] : [.. movie.Genres.Intersect(because[0].Movie.Genres)];
        return new RecommendationReason(movie.MovieId, FromHistory, because, shared) { IsNew = !catalog.IsRead(recommended.Row) };
    }
}
