namespace NanoRecSys.Training.Ranking;

/// <summary>The retriever's best items for one user, before they are ranked.</summary>
/// <param name="History">Item rows, oldest first.</param>
/// <param name="User">[D] the user's embedding.</param>
/// <param name="Rows">[K] item rows, the retriever's best first.</param>
/// <param name="Cosines">[K] the retriever's scores.</param>
public sealed record UserCandidates(ReadOnlyMemory<int> History, float[] User, int[] Rows, float[] Cosines);
