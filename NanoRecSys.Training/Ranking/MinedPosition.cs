namespace NanoRecSys.Training.Ranking;

/// <summary>Where a candidate of the ranker's training came from.</summary>
public enum CandidateKind
{
    Positive = 0,
    Hard = 1,
    Random = 2,
}

/// <summary>A place in a user's history, what came there, and what else might have.</summary>
/// <param name="User">Position in the histories.</param>
/// <param name="Position">Place in the user's history that is predicted; what precedes it is known.</param>
/// <param name="Embedding">[D] of the user at that place, of length 1.</param>
/// <param name="Items">[C] rows of the candidates, the one that came first.</param>
/// <param name="Kinds">[C] only the first is a <see cref="CandidateKind.Positive"/>.</param>
/// <param name="Cosines">[C] the retriever's scores.</param>
public sealed record MinedPosition(int User, int Position, float[] Embedding, int[] Items, CandidateKind[] Kinds, float[] Cosines);
