using System.Runtime.InteropServices;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>The first stage as it is served: the retriever's best K that the user has not had.</summary>
/// <param name="encoder">Of the retriever.</param>
/// <param name="candidates">K</param>
/// <param name="leftOut">Of a history's items, the latest so many are no candidates.</param>
public sealed class CandidateFinder(BatchEncoder encoder, int candidates, int leftOut = int.MaxValue)
{
    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <returns>[B] lists of up to K.</returns>
    public UserCandidates[] Find(IReadOnlyList<TimedHistory> histories)
    {
        ArgumentNullException.ThrowIfNull(histories);
        ReadOnlySpan<float> cosines = encoder.Cosines(histories); // [B, V]
        using Tensor users = encoder.Users!.cpu(); // [B, D]
        ReadOnlySpan<float> embeddings = MemoryMarshal.Cast<byte, float>(users.bytes);
        int dimension = (int)users.shape[1];
        var lists = new UserCandidates[histories.Count];
        for (int b = 0; b < lists.Length; b++)
        {
            Candidate[] best = Best(cosines.Slice(b * encoder.Items, encoder.Items), histories[b].Last(leftOut).Items.Span, candidates);
            lists[b] = new UserCandidates(
                histories[b].Items, embeddings.Slice(b * dimension, dimension).ToArray(),
                Array.ConvertAll(best, candidate => candidate.Row), Array.ConvertAll(best, candidate => candidate.Score));
        }

        return lists;
    }

    /// <summary>The K highest scores that are not of the history, best first.</summary>
    internal static Candidate[] Best(ReadOnlySpan<float> scores, ReadOnlySpan<int> history, int candidates)
    {
        RowSet seen = new(scores.Length);
        seen.AddRange(history);
        var heap = new Candidate[candidates];
        var best = new TopK(heap);
        for (int row = 0; row < scores.Length; row++)
        {
            if (scores[row] >= best.Threshold && !seen.Contains(row))
            {
                best.Offer(row, scores[row]);
            }
        }

        return heap[..best.SortBestFirst()];
    }
}
