using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Ranking;

/// <summary>Draws the negatives of one position.</summary>
public sealed class NegativeMiner(MineNegativesOptions options, int items, Random random)
{
    private readonly Candidate[] _heap = new Candidate[options.Candidates];

    /// <param name="user">Position in the histories.</param>
    /// <param name="position">Place in the history that is predicted.</param>
    /// <param name="positive">What came there.</param>
    /// <param name="embedding">[D] of the user, before the position.</param>
    /// <param name="scores">[V] the retriever's, before the position.</param>
    /// <param name="seen">All that the user is known to have had, never drawn; the positive is not drawn either.</param>
    /// <returns>The positive, hard and random negatives, in this order.</returns>
    public MinedPosition Mine(int user, int position, int positive, float[] embedding, ReadOnlySpan<float> scores, RowSet seen)
    {
        ArgumentNullException.ThrowIfNull(seen);
        int[] hard = DrawHard(scores, positive, seen);
        int unseen = items - seen.Count - (seen.Contains(positive) ? 0 : 1);
        int[] drawn = [.. Enumerable.Range(0, unseen > 0 ? options.Random : 0).Select(_ => DrawUnseen(positive, seen))];
        int[] rows = [positive, .. hard, .. drawn];
        var cosines = new float[rows.Length];
        for (int i = 0; i < rows.Length; i++)
        {
            cosines[i] = scores[rows[i]];
        }

        return new MinedPosition(
            user, position, embedding, rows,
            [CandidateKind.Positive, .. hard.Select(_ => CandidateKind.Hard), .. drawn.Select(_ => CandidateKind.Random)], cosines);
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
