using NanoRecSys.Api.Models;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Recommendations;

/// <summary>Stage <c>rank</c>: the second opinion on the candidates; without a ranker the cosines pass through.</summary>
public sealed class CandidateRanker
{
    /// <returns>[C] with the served scores, best first; equal scores by row.</returns>
    public Candidate[] Rank(ModelSnapshot model, float[] user, Candidate[] candidates)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(candidates);
        if (model.Ranker is null || candidates.Length == 0)
        {
            return candidates;
        }

        float[] scores = model.Ranker.Score(user, candidates); // [C]
        return [.. candidates
            .Select((candidate, i) => candidate with { Score = scores[i] })
            .OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row)];
    }
}
