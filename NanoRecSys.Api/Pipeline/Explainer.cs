using System.Numerics.Tensors;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Pipeline;

/// <summary>Explains why each movie was recommended.</summary>
internal static class Explainer
{
    /// <summary>Movies of the history caused it: measured by leaving them out.</summary>
    public const string FromHistory = "history";

    /// <summary>The nearest movies of the history: what can be said while the network fails.</summary>
    public const string Like = "similar";

    /// <summary>Nothing is known of the user: others watched it.</summary>
    public const string Popular = "popular";

    /// <summary>Movies that are left out in turn, the newest: each costs as much as encoding the history once.</summary>
    private const int MaxMovies = 32;

    private const int ShownMovies = 3;

    // A movie that contributed a tenth as much as the first is not worth naming.
    private const float LeastShare = 0.1f;

    /// <param name="catalog">What recommended.</param>
    /// <param name="recommended">[K], the popular ones.</param>
    /// <param name="history">Empty for a new user, with the reason.</param>
    /// <returns>[K]</returns>
    public static RecommendationReason[] Popularity(ServedCatalog catalog, Candidate[] recommended, History history)
    {
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
    public static RecommendationReason[] Influence(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        if (recommended.Length == 0)
        {
            return [];
        }

        IReadOnlyList<(int Row, float[] Contributions)> influence = Measure(catalog, history, recommended);
        return [.. recommended.Select((candidate, k) =>
            Explain(FromHistory, catalog, candidate, influence.Select(movie => (movie.Row, movie.Contributions[k]))))];
    }

    /// <summary>As <see cref="Influence"/>, without a network: a contribution is the cosine of both movies' embeddings.</summary>
    public static RecommendationReason[] Likeness(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        int[] newest = [.. history.Rows.Reverse().Distinct().Take(MaxMovies)];
        return Array.ConvertAll(recommended, candidate => Explain(Like, catalog, candidate, newest.Select(row =>
            (row, TensorPrimitives.Dot(catalog.EmbeddingOf(candidate.Row), catalog.EmbeddingOf(row))))));
    }

    /// <summary>A reason in words.</summary>
    public static string Sentence(RecommendationReason reason)
    {
        string news = reason.IsNew ? " New here: placed by its title, year and genres." : "";
        string movies = string.Join(" and ", reason.Because.Select(cause => cause.Movie.Title));
        string genres = reason.SharedGenres.Count == 0 ? "" : $", also {string.Join(", ", reason.SharedGenres)}";
        return reason switch
        {
            { Kind: Popular, IsNew: true } => "New here.",
            { Kind: Popular, WatchedFirst: > 0 } => $"Popular with people new here: among the first movies of {reason.WatchedFirst}.",
            { Kind: Popular } => $"Popular with people here: watched {reason.Watched} times.",
            { Because.Count: 0 } => $"Fits your history as a whole; no single movie stands out.{news}",
            { Kind: Like } => $"Like {movies}, which you watched{genres}.{news}",
            _ => $"Because you watched {movies}{genres}.{news}",
        };
    }

    private static RecommendationReason Explain(
        string kind, ServedCatalog catalog, Candidate recommended, IEnumerable<(int Row, float Contribution)> influence)
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

    // How much each of the newest movies contributed to each recommendation, [K]: the score of the whole history less the score
    // without that movie; negative if it spoke against. All these histories are encoded in one batch and in 32 bits: the steps of
    // 8 would drown what one movie does.
    private static IReadOnlyList<(int Row, float[] Contributions)> Measure(ServedCatalog catalog, History history, Candidate[] recommended)
    {
        TimedHistory read = history.Timed.Last(catalog.Model.Artifacts.Manifest.Model.MaxLength); // the network does not read further back
        int[] movies = [.. read.Items.ToArray().Reverse().Distinct().Take(MaxMovies)];
        if (movies is [int only] && read.Items.Span.IndexOfAnyExcept(only) < 0)
        {
            return [(only, Array.ConvertAll(recommended, candidate => candidate.Score))]; // nothing is left without it
        }

        float[] encoded = catalog.Model.UserTowers.Exact.Encode([read, .. movies.Select(movie => Without(movie, read))]); // [1 + B, D]
        float[][] users = [.. encoded.Chunk(catalog.Model.Items.Dimension)];
        float[] whole = Scores(catalog, users[0], history.Rows, recommended); // [K]
        return [.. movies.Select((movie, b) =>
            (movie, Less(whole, Scores(catalog, users[b + 1], [.. history.Rows.Where(row => row != movie)], recommended))))];
    }

    private static TimedHistory Without(int movie, TimedHistory history)
    {
        int[] kept = [.. Enumerable.Range(0, history.Items.Length).Where(t => history.Items.Span[t] != movie)];
        return new TimedHistory(
            Array.ConvertAll(kept, t => history.Items.Span[t]),
            history.Times.IsEmpty ? default : Array.ConvertAll(kept, t => history.Times.Span[t]), history.Now);
    }

    // [K]
    private static float[] Scores(ServedCatalog catalog, float[] user, int[] history, Candidate[] recommended)
    {
        Candidate[] candidates = Array.ConvertAll(recommended, candidate =>
            candidate with { Score = TensorPrimitives.Dot(user, catalog.EmbeddingOf(candidate.Row)) }); // [K] cosines
        ModelSnapshot model = catalog.Model;
        float[] scores = model.Ranker is { } ranker
            ? ranker.Score(user, history, candidates, catalog.News)
            : Array.ConvertAll(candidates, candidate => candidate.Score);
        model.Blend?.AddTo(history, Array.ConvertAll(candidates, candidate => candidate.Row), scores);
        return Array.ConvertAll(scores, model.ToScore);
    }

    private static float[] Less(float[] whole, float[] without) => [.. whole.Select((score, k) => score - without[k])];
}
