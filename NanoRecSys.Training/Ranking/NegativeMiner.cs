using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Ranking;

/// <summary>Draws the negatives of one position.</summary>
public sealed class NegativeMiner(MineNegativesOptions options, int items, Random random)
{
    private readonly Candidate[] _heap = new Candidate[options.Candidates];

    /// <param name="user">Position in the histories.</param>
    /// <param name="position">Place in the history that is predicted.</param>
    /// <param name="positive">What came there.</param>
    /// <param name="isValidation">Is it the held-out validation item?</param>
    /// <param name="scores">[V] the retriever's, before the position.</param>
    /// <param name="seen">All items of the user, never drawn.</param>
    /// <param name="mined">Receives the positive, the hard and the random negatives.</param>
    public void Mine(
        int user, int position, int positive, bool isValidation, ReadOnlySpan<float> scores, RowSet seen, List<MinedCandidate> mined)
    {
        ArgumentNullException.ThrowIfNull(seen);
        ArgumentNullException.ThrowIfNull(mined);
        mined.Add(new MinedCandidate(user, position, positive, CandidateKind.Positive, isValidation));
        foreach (int item in DrawHard(scores, positive, seen))
        {
            mined.Add(new MinedCandidate(user, position, item, CandidateKind.Hard, isValidation));
        }

        int unseen = items - seen.Count - (seen.Contains(positive) ? 0 : 1);
        for (int n = 0; n < options.Random && unseen > 0; n++)
        {
            mined.Add(new MinedCandidate(user, position, DrawUnseen(positive, seen), CandidateKind.Random, isValidation));
        }
    }

    private int[] DrawHard(ReadOnlySpan<float> scores, int positive, RowSet seen)
    {
        var best = new TopK(_heap);
        for (int row = 0; row < scores.Length; row++)
        {
            if (scores[row] >= best.Threshold && row != positive && !seen.Contains(row))
            {
                best.Offer(row, scores[row]);
            }
        }

        int found = best.SortBestFirst();
        int skipped = Math.Min(options.Skip, found);
        Span<Candidate> near = _heap.AsSpan(skipped, found - skipped);
        int drawn = Math.Min(options.Hard, near.Length);
        var rows = new int[drawn];
        for (int i = 0; i < drawn; i++)
        {
            // The first places of a shuffle: without repeats.
            int other = random.Next(i, near.Length);
            (near[i], near[other]) = (near[other], near[i]);
            rows[i] = near[i].Row;
        }

        return rows;
    }

    private int DrawUnseen(int positive, RowSet seen)
    {
        while (true)
        {
            int row = random.Next(items);
            if (row != positive && !seen.Contains(row))
            {
                return row;
            }
        }
    }
}
