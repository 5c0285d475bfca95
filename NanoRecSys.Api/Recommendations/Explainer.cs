using System.Numerics.Tensors;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Says why each movie was recommended.</summary>
public sealed class Explainer
{
    /// <summary>Movies of the history made it: measured by leaving them out.</summary>
    public const string FromHistory = "history";

    /// <summary>Movies of the history are its nearest: what can be said while the network fails.</summary>
    public const string Like = "similar";

    /// <summary>Nothing is known of whom it is for: others watched it.</summary>
    public const string Popular = "popular";

    private const int ShownMovies = 3;

    // A movie that did a tenth as much as the first is no reason to name.
    private const float LeastShare = 0.1f;

    /// <param name="catalog">What recommended.</param>
    /// <param name="recommended">[K], the popular ones.</param>
    /// <param name="history">Of somebody new it is empty, with the reason.</param>
    /// <returns>[K]</returns>
    public RecommendationReason[] Popularity(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(history);
        FirstMovies first = catalog.Model.FirstMovies;
        return Array.ConvertAll(recommended, candidate => new RecommendationReason(catalog.MovieAt(candidate.Row).MovieId, Popular, [], [])
        {
            IsNew = !catalog.IsRead(candidate.Row),
            Watched = catalog.ItemAt(candidate.Row).Count,
            WatchedFirst = history.EmptyReason is null ? null : first.CountOf(candidate.Row),
        });
    }

    /// <param name="catalog">What recommended.</param>
    /// <param name="recommended">[K] with the served scores.</param>
    /// <param name="history">At least one movie.</param>
    /// <returns>[K]; a contribution is how much lower the score is without that movie.</returns>
    /// <exception cref="Microsoft.ML.OnnxRuntime.OnnxRuntimeException">The network fails.</exception>
    public RecommendationReason[] Influence(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        ArgumentNullException.ThrowIfNull(recommended);
        if (recommended.Length == 0)
        {
            return [];
        }

        IReadOnlyList<(int Row, float[] Contributions)> influence = HistoryInfluence.Measure(catalog, history, recommended);
        return [.. recommended.Select((candidate, k) => Explain(FromHistory, catalog, candidate, influence.Select(movie => (movie.Row, movie.Contributions[k]))))];
    }

    /// <summary>As <see cref="Influence"/>, without a network: a contribution is the cosine of both movies' embeddings.</summary>
    public RecommendationReason[] Likeness(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(recommended);
        ArgumentNullException.ThrowIfNull(history);
        int[] newest = [.. history.Rows.Reverse().Distinct().Take(HistoryInfluence.MostMovies)];
        return Array.ConvertAll(recommended, candidate => Explain(Like, catalog, candidate, newest.Select(row =>
            (row, TensorPrimitives.Dot(catalog.EmbeddingOf(candidate.Row), catalog.EmbeddingOf(row))))));
    }

    private static RecommendationReason Explain(string kind, ServedCatalog catalog, Candidate recommended, IEnumerable<(int Row, float Contribution)> influence)
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
        return new RecommendationReason(movie.MovieId, kind, because, shared) { IsNew = !catalog.IsRead(recommended.Row) };
    }
}
