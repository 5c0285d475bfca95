using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Models;

/// <summary>The signals that a ranker names, for trained and new candidates.</summary>
internal sealed class CandidateSignals(IReadOnlyList<string> names, ItemFeatures features, ItemVectors items)
{
    private readonly int[] _columns = [.. names.Select(name => RankerSignals.All.ToList().IndexOf(name))];

    /// <summary>S</summary>
    public int Count => _columns.Length;

    /// <returns>[C, S]; of a new item 0 where its trained embedding would be needed.</returns>
    public float[] Read(ReadOnlySpan<int> history, ReadOnlySpan<Candidate> candidates, NewItems? newItems)
    {
        HistoryProfile profile = HistoryProfile.Of(Trained(history), features, items.Values, items.Dimension);
        var signals = new float[candidates.Length * Count];
        Span<float> all = stackalloc float[RankerSignals.All.Count];
        Span<float> genres = stackalloc float[features.Genres.Count];
        float[] nothing = new float[items.Dimension];
        for (int c = 0; c < candidates.Length; c++)
        {
            (int row, float cosine) = candidates[c];
            if (newItems?.Holds(row) == true)
            {
                CatalogItem item = newItems.At(row);
                genres.Clear();
                features.FlagGenres(item.Genres, genres);
                profile.Compare(0, nothing, genres, item.Year ?? 0, all);
            }
            else
            {
                profile.Compare(cosine, items.Row(row), features.GenresOf(row), features.ReleaseYears[row], all);
            }

            for (int s = 0; s < Count; s++)
            {
                signals[c * Count + s] = all[_columns[s]];
            }
        }

        return signals;
    }

    // What a user had of new items tells the signals nothing: training has not seen them.
    private int[] Trained(ReadOnlySpan<int> history)
    {
        var rows = new List<int>(history.Length);
        foreach (int row in history)
        {
            if (row < items.Count)
            {
                rows.Add(row);
            }
        }

        return [.. rows];
    }
}
