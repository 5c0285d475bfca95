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

        IReadOnlyList<(int Row, float[] Raw, float[] Served)> influence = Measure(catalog, history, recommended);
        var named = new Dictionary<int, int>();
        return [.. recommended.Select((candidate, k) =>
            Explain(FromHistory, catalog, candidate, influence.Select(movie => (movie.Row, movie.Raw[k], movie.Served[k])), named))];
    }

    /// <summary>As <see cref="Influence"/>, without a network: a contribution is the cosine of both movies' embeddings.</summary>
    public static RecommendationReason[] Likeness(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        int[] newest = [.. history.Rows.Reverse().Distinct().Take(MaxMovies)];
        var named = new Dictionary<int, int>();
        return Array.ConvertAll(recommended, candidate => Explain(Like, catalog, candidate, newest.Select(row =>
        {
            float cosine = TensorPrimitives.Dot(catalog.EmbeddingOf(candidate.Row), catalog.EmbeddingOf(row));
            return (row, cosine, cosine);
        }), named));
    }

    /// <summary>A reason in words.</summary>
    public static string Sentence(RecommendationReason reason)
    {
        string news = reason.IsNew ? " New in the catalog: placed by its title, year and genres." : "";
        string movies = Enumerated([.. reason.Because.Select(cause => cause.Movie.Title)]);
        string genres = reason.SharedGenres.Count == 0 ? "" : $" (shared: {string.Join(", ", reason.SharedGenres)})";
        return reason switch
        {
            { Kind: Popular, IsNew: true } => "New in the catalog.",
            { Kind: Popular, WatchedFirst: 1 } => "A popular start: one user watched it among their first ten.",
            { Kind: Popular, WatchedFirst: > 0 } => $"A popular start: {reason.WatchedFirst} users watched it among their first ten.",
            { Kind: Popular, Watched: 1 } => "Watched once.",
            { Kind: Popular } => $"Popular: watched {reason.Watched} times.",
            { Because.Count: 0 } => $"Fits your history as a whole; no single movie stands out.{news}",
            { Kind: Like } => $"Similar to {movies}, which you watched{genres}.{news}",
            _ => $"Because you watched {movies}{genres}.{news}",
        };
    }

    /// <summary>A; A and B; A, B and C.</summary>
    private static string Enumerated(string[] names) =>
        names is [.. var first, var last] && first.Length > 0 ? $"{string.Join(", ", first)} and {last}" : string.Concat(names);

    // Chosen by the raw contribution: of served scores near 1 only the last movie to lower them would be left. One movie often contributes
    // most to a whole list, which would then have one reason. So the more often a movie was named for better recommendations, the less
    // it counts in the choice; what is reported is the contribution as measured.
    private static RecommendationReason Explain(
        string kind, ServedCatalog catalog, Candidate recommended, IEnumerable<(int Row, float Raw, float Served)> influence, Dictionary<int, int> named)
    {
        (int Row, float Raw, float Served)[] raising = [.. influence.Where(movie => movie.Raw > 0)];
        float least = LeastShare * raising.Select(movie => movie.Raw).DefaultIfEmpty().Max();
        (int Row, float Raw, float Served)[] chosen = [.. raising
            .Where(movie => movie.Raw >= least)
            .OrderByDescending(movie => movie.Raw / (1 + named.GetValueOrDefault(movie.Row)))
            .Take(ShownMovies)
            .OrderByDescending(movie => movie.Raw)];
        foreach ((int row, _, _) in chosen)
        {
            named[row] = named.GetValueOrDefault(row) + 1;
        }

        ContributingMovie[] because = [.. chosen.Select(cause => new ContributingMovie(catalog.MovieAt(cause.Row), cause.Served))];
        MovieInfo movie = catalog.MovieAt(recommended.Row);
        string[] shared = because.Length == 0 ? [] : [.. movie.Genres.Intersect(because[0].Movie.Genres)];
        return new RecommendationReason(movie.MovieId, kind, because, shared) { IsNew = !catalog.IsRead(recommended.Row) };
    }

    // How much each of the newest movies contributed to each recommendation, [K]: the score of the whole history less the score
    // without that movie, as the model has it and as it is served; negative if it spoke against. All these histories are encoded in one batch and in 32 bits: the steps of
    // 8 would drown what one movie does.
    private static IReadOnlyList<(int Row, float[] Raw, float[] Served)> Measure(ServedCatalog catalog, History history, Candidate[] recommended)
    {
        TimedHistory read = history.Timed.Last(catalog.Model.Artifacts.Manifest.Model.MaxLength); // the network does not read further back
        int[] movies = [.. read.Items.ToArray().Reverse().Distinct().Take(MaxMovies)];
        if (movies is [int only] && read.Items.Span.IndexOfAnyExcept(only) < 0)
        {
            float[] all = Array.ConvertAll(recommended, candidate => candidate.Score);
            return [(only, all, all)]; // nothing is left without it
        }

        float[] encoded = catalog.Model.UserTowers.Exact.Encode([read, .. movies.Select(movie => Without(movie, read))]); // [1 + B, D]
        float[][] users = [.. encoded.Chunk(catalog.Model.Items.Dimension)];
        float[] whole = Scores(catalog, users[0], history.Rows, recommended); // [K]
        return [.. movies.Select((movie, b) =>
        {
            float[] without = Scores(catalog, users[b + 1], [.. history.Rows.Where(row => row != movie)], recommended);
            return (movie, Less(whole, without), Less(Served(catalog, whole), Served(catalog, without)));
        })];
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
        return catalog.Model.Ranker is { } ranker
            ? ranker.Score(user, history, candidates, catalog.News)
            : Array.ConvertAll(candidates, candidate => candidate.Score);
    }

    private static float[] Served(ServedCatalog catalog, float[] scores) =>
        catalog.Model.Ranker is null ? scores : Array.ConvertAll(scores, ServedRanker.Squash);

    private static float[] Less(float[] whole, float[] without) => [.. whole.Select((score, k) => score - without[k])];
}
