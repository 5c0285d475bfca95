using NanoRecSys.Core.Data;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Ranking;

/// <summary>Both stages as they are served: the retriever's best K that the user has not had, scored by the ranker.</summary>
public sealed class CandidateRanker(BatchEncoder encoder, RankerNetwork network, ItemFeatureTensors items, int candidates)
{
    /// <summary>K</summary>
    public int Candidates => candidates;

    /// <param name="histories">[B] item rows, oldest first.</param>
    /// <returns>[B] lists of up to K.</returns>
    public CandidateList[] Rank(IReadOnlyList<TimedHistory> histories)
    {
        ArgumentNullException.ThrowIfNull(histories);
        network.eval();
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        ReadOnlySpan<float> cosines = encoder.Cosines(histories); // [B, V]
        Tensor users = encoder.Users!.cpu(); // [B, D]
        var lists = new CandidateList[histories.Count];
        for (int b = 0; b < lists.Length; b++)
        {
            using var userScope = NewDisposeScope();
            Candidate[] best = FindBest(cosines.Slice(b * encoder.Items, encoder.Items), histories[b].Items.Span);
            Tensor rows = tensor(Array.ConvertAll(best, candidate => (long)candidate.Row)); // [K]
            Tensor logits = network.forward(items.Gather(users[b..(b + 1)], rows)); // [K]
            lists[b] = new CandidateList(
                Array.ConvertAll(best, candidate => candidate.Row), Array.ConvertAll(best, candidate => candidate.Score), logits.data<float>().ToArray());
        }

        return lists;
    }

    private Candidate[] FindBest(ReadOnlySpan<float> scores, ReadOnlySpan<int> history)
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
