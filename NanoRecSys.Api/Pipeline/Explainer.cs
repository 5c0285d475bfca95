using System.Numerics.Tensors;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Contracts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Pipeline;

/// <summary>Explains why each item was recommended.</summary>
internal static class Explainer
{
    /// <summary>Items of the history caused it: measured by leaving them out.</summary>
    public const string FromHistory = "history";

    /// <summary>The nearest items of the history: what can be said while the network fails.</summary>
    public const string Like = "similar";

    /// <summary>Nothing is known of the user: others have it.</summary>
    public const string Popular = "popular";

    /// <summary>Items that are left out in turn, the newest: each costs as much as encoding the history once.</summary>
    private const int MaxItems = 32;

    private const int ShownItems = 3;

    // An item that contributed a tenth as much as the first is not worth naming.
    private const float LeastShare = 0.1f;

    /// <param name="catalog">What recommended.</param>
    /// <param name="recommended">[K], the popular ones.</param>
    /// <param name="history">Empty for a new user, with the reason.</param>
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

    /// <param name="catalog">What recommended.</param>
    /// <param name="recommended">[K] with the served scores.</param>
    /// <param name="history">At least one item.</param>
    /// <returns>[K]; a contribution is how much lower the score is without that item.</returns>
    /// <exception cref="Microsoft.ML.OnnxRuntime.OnnxRuntimeException">The network fails.</exception>
    public static Reason[] Influence(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        if (recommended.Length == 0 || history.Rows.Length == 0)
        {
            return Likeness(catalog, recommended, history); // of a new item in view alone there is no score without it
        }

        IReadOnlyList<(int Row, float[] Contributions)> influence = Measure(catalog, history, recommended);
        return [.. recommended.Select((candidate, k) =>
            Explain(FromHistory, catalog, candidate, influence.Select(movie => (movie.Row, movie.Contributions[k]))))];
    }

    /// <summary>As <see cref="Influence"/>, without a network: a contribution is the cosine of both items' embeddings.</summary>
    public static Reason[] Likeness(ServedCatalog catalog, Candidate[] recommended, History history)
    {
        int[] newest = [.. (history.NewInView is { } view ? [view] : Array.Empty<int>()).Concat(history.Rows.Reverse()).Distinct().Take(MaxItems)];
        return Array.ConvertAll(recommended, candidate => Explain(Like, catalog, candidate, newest.Select(row =>
            (row, TensorPrimitives.Dot(catalog.EmbeddingOf(candidate.Row), catalog.EmbeddingOf(row))))));
    }

    /// <summary>A reason in words.</summary>
    public static string Sentence(Reason reason)
    {
        string news = reason.IsNew ? " New here: placed by its title, categories and attributes." : "";
        string items = string.Join(" and ", reason.Because.Select(cause => cause.Item.Title));
        string shared = Shared(reason);
        return reason switch
        {
            { Kind: Popular, IsNew: true } => "New here.",
            { Kind: Popular, FirstOf: > 0 } => $"Popular with new users: among the first items of {reason.FirstOf}.",
            { Kind: Popular } => $"Popular here: {reason.Interactions} interactions.",
            { Because.Count: 0 } => $"Fits the history as a whole; no single item stands out.{news}",
            { Kind: Like } => $"Like {items}{shared}.{news}",
            _ => $"Because of {items}{shared}.{news}",
        };
    }

    /// <summary>A reason in the words of <c>POST /recommend</c>.</summary>
    public static string MovieSentence(Reason reason)
    {
        string news = reason.IsNew ? " New here: placed by its title, year and genres." : "";
        string movies = string.Join(" and ", reason.Because.Select(cause => cause.Item.Title));
        string genres = Shared(reason);
        return reason switch
        {
            { Kind: Popular, IsNew: true } => "New here.",
            { Kind: Popular, FirstOf: > 0 } => $"Popular with people new here: among the first movies of {reason.FirstOf}.",
            { Kind: Popular } => $"Popular with people here: watched {reason.Interactions} times.",
            { Because.Count: 0 } => $"Fits your history as a whole; no single movie stands out.{news}",
            { Kind: Like } => $"Like {movies}, which you watched{genres}.{news}",
            _ => $"Because you watched {movies}{genres}.{news}",
        };
    }

    private static string Shared(Reason reason) => reason.Shared.Count == 0 ? "" : $", also {string.Join(", ", reason.Shared)}";

    private static Reason Explain(
        string kind, ServedCatalog catalog, Candidate recommended, IEnumerable<(int Row, float Contribution)> influence)
    {
        var largest = new Candidate[ShownItems];
        var best = new TopK(largest);
        foreach ((int row, float contribution) in influence.Where(movie => movie.Contribution > 0))
        {
            best.Offer(row, contribution);
        }

        int found = best.SortBestFirst();
        (CatalogItem Item, float Contribution)[] because = [.. largest[..found]
            .Where(cause => cause.Score >= LeastShare * largest[0].Score)
            .Select(cause => (catalog.ItemAt(cause.Row), cause.Score))];
        CatalogItem item = catalog.ItemAt(recommended.Row);
        string[] shared = because.Length == 0 ? [] : [.. item.Categories.Intersect(because[0].Item.Categories)];
        return new Reason(item, kind, because, shared) { IsNew = !catalog.IsRead(recommended.Row) };
    }

    // How much each of the newest items contributed to each recommendation, [K]: the score of the whole history less the score
    // without that item; negative if it spoke against. All these histories are encoded in one batch and in 32 bits: the steps of
    // 8 would drown what one item does.
    private static IReadOnlyList<(int Row, float[] Contributions)> Measure(ServedCatalog catalog, History history, Candidate[] recommended)
    {
        TimedHistory read = history.Timed.Last(catalog.Model.Artifacts.Manifest.Model.MaxLength); // the network does not read further back
        int[] movies = [.. read.Items.ToArray().Reverse().Distinct().Take(MaxItems)];
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
        return catalog.Model.Ranker is { } ranker
            ? Array.ConvertAll(ranker.Score(catalog, user, history, candidates), ServedRanker.Squash)
            : Array.ConvertAll(candidates, candidate => candidate.Score);
    }

    private static float[] Less(float[] whole, float[] without) => [.. whole.Select((score, k) => score - without[k])];
}

/// <summary>Why an item was recommended.</summary>
/// <param name="Item">Which.</param>
/// <param name="Kind">One of <see cref="Explainer"/>'s.</param>
/// <param name="Because">Items of the history that contributed most, the largest contribution first.</param>
/// <param name="Shared">Categories that it has in common with the first of them.</param>
internal sealed record Reason(CatalogItem Item, string Kind, IReadOnlyList<(CatalogItem Item, float Contribution)> Because, IReadOnlyList<string> Shared)
{
    /// <inheritdoc cref="ItemReason.IsNew"/>
    public bool IsNew { get; init; }

    /// <inheritdoc cref="ItemReason.Interactions"/>
    public int? Interactions { get; init; }

    /// <inheritdoc cref="ItemReason.FirstOf"/>
    public int? FirstOf { get; init; }
}
