using Microsoft.Extensions.Options;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>retrieve</c>: the items nearest to the user that the user has not seen.</summary>
public sealed class CandidateRetriever(IOptions<RecommendationOptions> options)
{
    /// <param name="catalog">What to search, new movies too.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">Its items are excluded inside the search, before the best are taken.</param>
    /// <param name="query">Its K are needed at least; its filter works inside the search, too.</param>
    /// <returns>Best first; fewer than asked only where the catalog has no more.</returns>
    public Candidate[] Retrieve(ServedCatalog catalog, float[] user, History history, RecommendationQuery query)
    {
        ArgumentNullException.ThrowIfNull(catalog);
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(query);
        var seen = new RowSet(catalog.Count);
        seen.AddRange(history.Rows);
        seen.AddRange([.. history.Excluded]);
        int wanted = query.Shape.IsNone ? query.K : query.K * ListShape.CandidatesPerPlace;
        var candidates = new Candidate[Math.Min(catalog.Count, Math.Max(wanted, options.Value.Candidates))]; // [C]
        int found = catalog.News.Index.Search(user, new RowFilter(seen, query.Filter.Allowed(catalog)), candidates);
        return candidates[..found];
    }
}
