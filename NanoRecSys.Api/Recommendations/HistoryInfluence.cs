using System.Numerics.Tensors;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>
/// How much each movie of a history contributed to a recommendation: the served score less the score that the same
/// model gives without that movie. All the histories with one movie left out are encoded in one batch.
/// </summary>
public static class HistoryInfluence
{
    /// <summary>Movies that are left out in turn, the newest: each costs as much as encoding the history once.</summary>
    public const int MostMovies = 32;

    /// <param name="catalog">The model, and its movies.</param>
    /// <param name="history">At least one movie.</param>
    /// <param name="recommended">[K] with the served scores.</param>
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

        float[][] users = catalog.Model.UserTower.EncodeAll([.. movies.Select(movie => Without(movie, read))]); // [B, D]
        return [.. movies.Select((movie, b) => (movie, Differences(catalog, users[b], [.. history.Rows.Where(row => row != movie)], recommended)))];
    }

    private static TimedHistory Without(int movie, TimedHistory history)
    {
        int[] kept = [.. Enumerable.Range(0, history.Items.Length).Where(t => history.Items.Span[t] != movie)];
        return new TimedHistory(
            Array.ConvertAll(kept, t => history.Items.Span[t]),
            history.Times.IsEmpty ? default : Array.ConvertAll(kept, t => history.Times.Span[t]), history.Now);
    }

    private static float[] Differences(ServedCatalog catalog, float[] user, int[] history, Candidate[] recommended)
    {
        Candidate[] without = Array.ConvertAll(recommended, candidate =>
            candidate with { Score = TensorPrimitives.Dot(user, catalog.EmbeddingOf(candidate.Row)) }); // [K] cosines
        float[] scores = catalog.Model.Ranker?.Score(user, history, without, catalog.News) ?? Array.ConvertAll(without, candidate => candidate.Score);
        return [.. recommended.Select((candidate, k) => candidate.Score - scores[k])];
    }
}
