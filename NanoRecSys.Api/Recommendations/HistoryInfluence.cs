using System.Numerics.Tensors;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// How much each movie of a history contributed to a recommendation: the score of the whole history less the score without
/// that movie. All these histories are encoded in one batch and in 32 bits: the steps of 8 would drown what one movie does.
/// </summary>
public static class HistoryInfluence
{
    /// <summary>Movies that are left out in turn, the newest: each costs as much as encoding the history once.</summary>
    public const int MostMovies = 32;

    /// <param name="catalog">The model, and its movies.</param>
    /// <param name="history">At least one movie.</param>
    /// <param name="recommended">[K]</param>
    /// <returns>For each of the newest movies its row and [K] contributions; negative where it spoke against.</returns>
    public static IReadOnlyList<(int Row, float[] Contributions)> Measure(ServedCatalog catalog, History history, Candidate[] recommended)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(recommended);
        // What lies further back the network does not read.
        TimedHistory read = new TimedHistory(history.Rows, history.Times, history.Now).Last(catalog.Model.Artifacts.Manifest.Model.MaxLength);
        int[] movies = [.. read.Items.ToArray().Reverse().Distinct().Take(MostMovies)];
        if (movies is [int only] && read.Items.Span.IndexOfAnyExcept(only) < 0)
        {
            return [(only, Array.ConvertAll(recommended, candidate => candidate.Score))]; // Without it there is nothing to go by.
        }

        float[][] users = catalog.Model.UserTowers.Exact.EncodeAll([read, .. movies.Select(movie => Without(movie, read))]); // [1 + B, D]
        float[] whole = Scores(catalog, users[0], history.Rows, recommended); // [K]
        return [.. movies.Select((movie, b) => (movie, Less(whole, Scores(catalog, users[b + 1], [.. history.Rows.Where(row => row != movie)], recommended))))];
    }

    private static TimedHistory Without(int movie, TimedHistory history)
    {
        int[] kept = [.. Enumerable.Range(0, history.Items.Length).Where(t => history.Items.Span[t] != movie)];
        return new TimedHistory(
            Array.ConvertAll(kept, t => history.Items.Span[t]),
            history.Times.IsEmpty ? default : Array.ConvertAll(kept, t => history.Times.Span[t]), history.Now);
    }

    /// <returns>[K]</returns>
    private static float[] Scores(ServedCatalog catalog, float[] user, int[] history, Candidate[] recommended)
    {
        Candidate[] candidates = Array.ConvertAll(recommended, candidate =>
            candidate with { Score = TensorPrimitives.Dot(user, catalog.EmbeddingOf(candidate.Row)) }); // [K] cosines
        return catalog.Model.Ranker is { } ranker
            ? Array.ConvertAll(ranker.Score(user, history, candidates, catalog.News), RankerNetwork.Squash)
            : Array.ConvertAll(candidates, candidate => candidate.Score);
    }

    private static float[] Less(float[] whole, float[] without) => [.. whole.Select((score, k) => score - without[k])];
}
