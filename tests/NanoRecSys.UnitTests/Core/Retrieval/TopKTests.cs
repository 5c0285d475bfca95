using CsCheck;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.UnitTests.Core.Retrieval;

public sealed class TopKTests
{
    [Fact]
    public void The_threshold_opens_until_the_buffer_is_full()
    {
        var best = new TopK(new Candidate[2]);
        best.Offer(0, 5);
        Assert.Equal(float.NegativeInfinity, best.Threshold);
        best.Offer(1, 7);
        Assert.Equal(5, best.Threshold);
        best.Offer(2, 6);
        Assert.Equal(6, best.Threshold);
    }

    [Fact]
    public void Infinite_scores_are_ranked_and_NaN_is_not()
    {
        var buffer = new Candidate[3];
        var best = new TopK(buffer);
        best.Offer(0, float.NaN);
        best.Offer(1, float.NegativeInfinity);
        best.Offer(2, float.PositiveInfinity);
        Assert.Equal(2, best.SortBestFirst());
        Assert.Equal([2, 1], buffer[..2].Select(candidate => candidate.Row));
    }

    [Fact]
    public void It_keeps_the_head_of_the_sorted_list()
    {
        Gen.Select(Gen.Int[0, 9].Array[0, 60], Gen.Int[0, 20]).Sample((scores, k) =>
        {
            var buffer = new Candidate[k];
            var best = new TopK(buffer);
            for (int row = scores.Length - 1; row >= 0; row--)
            {
                best.Offer(row, scores[row]);
            }

            int count = best.SortBestFirst();
            IEnumerable<Candidate> expected = scores.Select((score, row) => new Candidate(row, score))
                .OrderByDescending(candidate => candidate.Score).ThenBy(candidate => candidate.Row).Take(k);
            Assert.Equal(expected, buffer[..count]);
        });
    }
}
