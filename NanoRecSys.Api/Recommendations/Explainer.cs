using System.Globalization;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// Says what is true of a recommendation: which movies of the history the model puts nearest to it, and what they
/// share. It does not claim to be the network's reasoning.
/// </summary>
public sealed class Explainer
{
    public const string Similar = "similar";
    public const string Popular = "popular";
    private const int ShownMovies = 2;

    /// <param name="model">The snapshot that recommended.</param>
    /// <param name="row">The recommended item.</param>
    /// <param name="history">Null where popularity recommended it.</param>
    public RecommendationReason Explain(ModelSnapshot model, int row, History? history)
    {
        ArgumentNullException.ThrowIfNull(model);
        MovieInfo movie = model.MovieAt(row);
        if (history is null)
        {
            return new RecommendationReason(movie.MovieId, Popular, [], null, []);
        }

        var nearest = new Candidate[ShownMovies];
        var best = new TopK(nearest);
        foreach (int seen in history.Rows.Distinct())
        {
            best.Offer(seen, model.Items.Cosine(row, seen));
        }

        MovieInfo[] similar = [.. nearest[..best.SortBestFirst()].Select(candidate => model.MovieAt(candidate.Row))];
        return new RecommendationReason(
            movie.MovieId, Similar, similar, nearest[0].Score, [.. movie.Genres.Intersect(similar[0].Genres)]);
    }

    public static string InWords(RecommendationReason reason)
    {
        ArgumentNullException.ThrowIfNull(reason);
        if (reason.Kind == Popular)
        {
            return "Popular: among the movies that most people here watched.";
        }

        string movies = string.Join(" and ", reason.SimilarTo.Select(movie => movie.Title));
        string genres = reason.SharedGenres.Count == 0 ? "" : $", sharing {string.Join(", ", reason.SharedGenres)} with the first";
        return string.Create(CultureInfo.InvariantCulture, $"Near to {movies} in your history (cosine {reason.Similarity:F2}){genres}.");
    }
}
