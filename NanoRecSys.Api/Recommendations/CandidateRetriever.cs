using Microsoft.Extensions.Options;
using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>retrieve</c>: the items nearest to the user that the user has not seen.</summary>
public sealed class CandidateRetriever(IOptions<RecommendationOptions> options)
{
    /// <param name="model">The snapshot to search.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">Its items are excluded inside the search, before the best are taken.</param>
    /// <param name="k">Candidates needed at least.</param>
    /// <returns>Best first; fewer than asked only where the catalog has no more.</returns>
    public Candidate[] Retrieve(ModelSnapshot model, float[] user, History history, int k)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(history);
        var seen = new RowSet(model.Index.Count);
        seen.AddRange(history.Rows);
        seen.AddRange([.. history.Disliked]);
        var candidates = new Candidate[Math.Max(k, options.Value.Candidates)]; // [C]
        int found = model.Index.Search(user, new RowFilter(seen), candidates);
        return candidates[..found];
    }
}
