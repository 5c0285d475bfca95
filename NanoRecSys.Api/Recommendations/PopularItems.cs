using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The fallback: what most people watch, for whom nothing is known of.</summary>
public sealed class PopularItems
{
    /// <returns>The most popular items that pass the query's filter, outside the history; score = log(1 + count) / log(1 + largest count), 0..1.</returns>
    public Candidate[] Take(ServedCatalog catalog, History history, RecommendationQuery query)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(query);
        ModelSnapshot model = catalog.Model;
        RowSet? allowed = query.Filter.Allowed(catalog);
        HashSet<int> seen = [.. history.Rows, .. history.Excluded];
        float logMax = MathF.Log(1 + model.MostInteractions);
        return [.. model.ByPopularity
            .Where(row => !seen.Contains(row) && allowed?.Contains(row) != false)
            .Take(query.Shape.IsNone ? query.K : query.K * ListShape.CandidatesPerPlace)
            .Select(row => new Candidate(row, logMax > 0 ? MathF.Log(1 + model.Catalog.Items[row].Count) / logMax : 0))];
    }
}
