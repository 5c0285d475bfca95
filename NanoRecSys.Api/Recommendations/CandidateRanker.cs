using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>rank</c>: the second opinion on the candidates; without a ranker the cosines pass through.</summary>
public sealed class CandidateRanker
{
    /// <param name="model">The snapshot that ranks.</param>
    /// <param name="user">[D]</param>
    /// <param name="history">The user's.</param>
    /// <param name="candidates">[C] of trained and of new items, with their cosines.</param>
    /// <param name="newItems">Where the new ones are looked up.</param>
    /// <returns>[C] with the served scores, best first; equal scores by row.</returns>
    public Candidate[] Rank(ModelSnapshot model, float[] user, History history, Candidate[] candidates, NewItems? newItems = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(history);
        ArgumentNullException.ThrowIfNull(candidates);
        if (candidates.Length == 0)
        {
            return candidates;
        }

        if (model.Ranker is not { } ranker)
        {
            return [.. BestFirst(candidates)];
        }

        float[] scores = ranker.Score(user, history.Rows, candidates, newItems); // [C]
        return [.. BestFirst(candidates.Select((candidate, i) => candidate with { Score = scores[i] }))
            .Select(candidate => candidate with { Score = RankerNetwork.Squash(candidate.Score) })];
    }

    private static IOrderedEnumerable<Candidate> BestFirst(IEnumerable<Candidate> candidates) =>
        candidates.OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row);
}
