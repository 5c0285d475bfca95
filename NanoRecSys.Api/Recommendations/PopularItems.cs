using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>The fallback: what people here start with for somebody new, what most watch where the model cannot be asked.</summary>
public sealed class PopularItems
{
    /// <returns>The most popular items that pass the query's filter, outside the history; score = log(1 + count) / log(1 + largest count), 0..1.</returns>
    public Candidate[] Take(ServedCatalog catalog, History history, RecommendationQuery query)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(query);
        ModelSnapshot model = catalog.Model;
        bool isNew = history.EmptyReason is not null;
        RowSet? allowed = query.Filter.Allowed(catalog);
        HashSet<int> seen = [.. history.Rows, .. history.Excluded];
        float logMost = MathF.Log(1 + (isNew ? model.FirstMovies.Most : model.MostInteractions));
        int CountOf(int row) => isNew ? model.FirstMovies.CountOf(row) : catalog.ItemAt(row).Count;
        return [.. (isNew ? model.FirstMovies.ByCount : model.ByPopularity)
            .Concat(Enumerable.Range(catalog.News.FirstRow, catalog.News.Count)) // nobody watched them yet
            .Where(row => !seen.Contains(row) && allowed?.Contains(row) != false)
            .Take(query.Shape.IsNone ? query.K : query.K * ListShape.CandidatesPerPlace)
            .Select(row => new Candidate(row, logMost > 0 ? MathF.Log(1 + CountOf(row)) / logMost : 0))];
    }
}
