using System.Numerics.Tensors;

namespace NanoRecSys.Api.Pipeline;

internal static class Explainer
{
    public const string FromHistory = "history"; // caused by items of the history, as measured by leaving them out
    public const string Like = "similar"; // the nearest items of the history, used while the network fails
    public const string Popular = "popular"; // the user is unknown: popular with others
    private const int MaxItems = 32; // number of newest items left out in turn; each costs one encoding of the history
    private const int ShownItems = 3;

    // An item with less than a tenth of the first item's contribution is not worth naming.
    private const float LeastShare = 0.1f;

    /// <param name="recommended">[K] popular items.</param>
    /// <param name="history">Empty for a new user, and contains the reason.</param>
    /// <returns>[K]</returns>
    public static Reason[] Popularity(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        FirstItems first = catalog.Model.FirstItems;
        return Array.ConvertAll(recommended, candidate => new Reason(catalog.ItemAt(candidate.Row), Popular, [], [])
        {
            IsNew = !catalog.IsRead(candidate.Row),
            Interactions = catalog.ItemAt(candidate.Row).Count,
            FirstOf = history.EmptyReason is null ? null : first.CountOf(candidate.Row),
        });
    }

    /// <param name="recommended">[K] with the served scores.</param>
    /// <returns>[K]; a contribution is how much lower the score is without that item.</returns>
    /// <exception cref="Microsoft.ML.OnnxRuntime.OnnxRuntimeException">The network fails.</exception>
    public static Reason[] Influence(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        if (recommended.Length == 0 || history.Rows.Length == 0)
        {
            return Likeness(catalog, recommended, history); // a new item in view alone has no score without it
        }

        IReadOnlyList<(int Row, float[] Raw, float[] Served)> influence = Measure(catalog, history, recommended);
        var named = new Dictionary<int, int>();
        return [.. recommended.Select((candidate, k) =>
            Explain(FromHistory, catalog, candidate, influence.Select(movie => (movie.Row, movie.Raw[k], movie.Served[k])), named))];
    }

    /// <summary>Like <see cref="Influence"/>, without a network: a contribution is the cosine of both items' embeddings.</summary>
    public static Reason[] Likeness(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        int[] newest = [.. (history.NewInView is { } view ? [view] : Array.Empty<int>()).Concat(history.Rows.Reverse()).Distinct().Take(MaxItems)];
        var named = new Dictionary<int, int>();
        return Array.ConvertAll(recommended, candidate => Explain(Like, catalog, candidate, newest.Select(row =>
        {
            float cosine = TensorPrimitives.Dot(catalog.EmbeddingOf(candidate.Row), catalog.EmbeddingOf(row));
            return (row, cosine, cosine);
        }), named));
    }

    public static string Sentence(Reason reason)
    {
        string news = reason.IsNew ? " New in the catalog: placed by its data." : "";
        string items = Enumerated(reason);
        string shared = Shared(reason);
        return reason switch
        {
            { Kind: Popular, IsNew: true } => "New in the catalog.",
            { Kind: Popular, FirstOf: > 0 } => $"A popular start: among the first ten items of {Users(reason.FirstOf)}.",
            { Kind: Popular } => $"Popular: {reason.Interactions} interactions.",
            { Because.Count: 0 } => $"Fits the history as a whole; no single item stands out.{news}",
            { Kind: Like } => $"Similar to {items}{shared}.{news}",
            _ => $"Because of {items}{shared}.{news}",
        };
    }

    /// <summary>A reason in the wording of <c>POST /recommend</c>.</summary>
    public static string MovieSentence(Reason reason)
    {
        string news = reason.IsNew ? " New in the catalog: placed by its title, year and genres." : "";
        string movies = Enumerated(reason);
        string genres = Shared(reason);
        return reason switch
        {
            { Kind: Popular, IsNew: true } => "New in the catalog.",
            { Kind: Popular, FirstOf: > 0 } => $"A popular start: among the first ten movies of {Users(reason.FirstOf)}.",
            { Kind: Popular } => $"Popular: watched {reason.Interactions} times.",
            { Because.Count: 0 } => $"Fits your history as a whole; no single movie stands out.{news}",
            { Kind: Like } => $"Similar to {movies}, which you watched{genres}.{news}",
            _ => $"Because you watched {movies}{genres}.{news}",
        };
    }

    private static string Shared(Reason reason) => reason.Shared.Count == 0 ? "" : $" (shared: {string.Join(", ", reason.Shared)})";

    private static string Users(int? count) => count == 1 ? "one user" : $"{count} users";

    /// <summary>A; A and B; A, B and C.</summary>
    private static string Enumerated(Reason reason) => reason.Because.Select(cause => cause.Item.Title).ToArray() is [.. var first, var last]
        ? first.Length == 0 ? last : $"{string.Join(", ", first)} and {last}"
        : "";

    // Chosen by the raw contribution: by served scores near 1, only the last item that lowers them would be chosen. One item often contributes
    // most to a whole list, and would be the only reason. So the more often an item was named for better recommendations, the less it counts
    // in the choice; the reported contribution is the measured one.
    private static Reason Explain(
        string kind, ServedCatalog catalog, Candidate recommended, IEnumerable<(int Row, float Raw, float Served)> influence, Dictionary<int, int> named)
    {
        (int Row, float Raw, float Served)[] raising = [.. influence.Where(item => item.Raw > 0)];
        float least = LeastShare * raising.Select(item => item.Raw).DefaultIfEmpty().Max();
        (int Row, float Raw, float Served)[] chosen = [.. raising
            .Where(item => item.Raw >= least)
            .OrderByDescending(item => item.Raw / (1 + named.GetValueOrDefault(item.Row)))
            .Take(ShownItems)
            .OrderByDescending(item => item.Raw)];
        foreach ((int row, _, _) in chosen)
        {
            named[row] = named.GetValueOrDefault(row) + 1;
        }

        (CatalogItem Item, float Contribution)[] because = [.. chosen.Select(cause => (catalog.ItemAt(cause.Row), cause.Served))];
        CatalogItem item = catalog.ItemAt(recommended.Row);
        string[] shared = because.Length == 0 ? [] : [.. item.Categories.Intersect(because[0].Item.Categories)];
        return new Reason(item, kind, because, shared) { IsNew = !catalog.IsRead(recommended.Row) };
    }

    // Contribution of each of the newest items to each recommendation, [K]: the score of the whole history minus the score without that
    // item, both raw and as served; negative if the item lowered it. All these histories are encoded in one batch and in 32 bits, because
    // the rounding of 8 bits would hide a single item's effect.
    private static IReadOnlyList<(int Row, float[] Raw, float[] Served)> Measure(ServedCatalog catalog, History history, Candidate[] recommended)
    {
        TimedHistory read = history.Timed.Last(catalog.Model.Artifacts.Manifest.Model.MaxLength); // the network does not read further back
        int[] movies = [.. read.Items.ToArray().Reverse().Distinct().Take(MaxItems)];
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
        ModelSnapshot model = catalog.Model;
        float[] scores = model.Ranker is { } ranker
            ? ranker.Score(catalog, user, history, candidates)
            : Array.ConvertAll(candidates, candidate => candidate.Score);
        model.Blend?.AddTo(history, Array.ConvertAll(candidates, candidate => candidate.Row), scores);
        return scores;
    }

    private static float[] Served(ServedCatalog catalog, float[] scores) => Array.ConvertAll(scores, catalog.Model.ToScore);

    private static float[] Less(float[] whole, float[] without) => [.. whole.Select((score, k) => score - without[k])];
}

/// <summary>Why an item was recommended.</summary>
/// <param name="Kind">One of the constants of <see cref="Explainer"/>.</param>
/// <param name="Because">Items of the history that contributed most, the largest contribution first.</param>
/// <param name="Shared">Categories it has in common with the first of these.</param>
internal sealed record Reason(CatalogItem Item, string Kind, IReadOnlyList<(CatalogItem Item, float Contribution)> Because, IReadOnlyList<string> Shared)
{
    /// <inheritdoc cref="ItemReason.IsNew"/>
    public bool IsNew { get; init; }

    /// <inheritdoc cref="ItemReason.Interactions"/>
    public int? Interactions { get; init; }

    /// <inheritdoc cref="ItemReason.FirstOf"/>
    public int? FirstOf { get; init; }
}
