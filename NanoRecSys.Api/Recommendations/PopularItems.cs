using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The fallback: what most people watch, for whom nothing is known of.</summary>
public sealed class PopularItems
{
    /// <returns>The K most popular items outside the history; score = log(1 + count) / log(1 + largest count), 0..1.</returns>
    public Candidate[] Take(ModelSnapshot model, History history, int k)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(history);
        if (model.ByPopularity.Count == 0)
        {
            return [];
        }

        HashSet<int> seen = [.. history.Rows, .. history.Disliked];
        float logMax = MathF.Log(1 + model.Catalog.Items[model.ByPopularity[0]].Count);
        return [.. model.ByPopularity
            .Where(row => !seen.Contains(row))
            .Take(k)
            .Select(row => new Candidate(row, logMax > 0 ? MathF.Log(1 + model.Catalog.Items[row].Count) / logMax : 0))];
    }
}
