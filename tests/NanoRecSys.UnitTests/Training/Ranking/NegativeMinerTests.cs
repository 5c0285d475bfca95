using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

public sealed class NegativeMinerTests
{
    private static readonly MineNegativesOptions Options = new() { Candidates = 5, Skip = 2, Hard = 2, Random = 3 };

    // The retriever likes items in the order 0, 1, ..., 11.
    private static readonly float[] Scores = [.. Enumerable.Range(0, 12).Select(row => 1 - 0.05f * row)];

    [Fact]
    public void Hard_negatives_come_from_the_best_behind_the_skipped_ones_never_the_positive_or_a_seen_item()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            List<MinedCandidate> mined = Mine(seed, positive: 3, seen: [1, 3, 7]);

            // The five best left are 0, 2, 4, 5, 6; two are skipped.
            int[] hard = [.. mined.Where(c => c.Kind == CandidateKind.Hard).Select(c => c.Item)];
            Assert.Equal(2, hard.Distinct().Count());
            Assert.All(hard, item => Assert.Contains(item, (int[])[4, 5, 6]));
            int[] random = [.. mined.Where(c => c.Kind == CandidateKind.Random).Select(c => c.Item)];
            Assert.Equal(3, random.Length);
            Assert.All(random, item => Assert.DoesNotContain(item, (int[])[1, 3, 7]));
        }
    }

    [Fact]
    public void The_positive_comes_first_and_all_carry_their_position()
    {
        List<MinedCandidate> mined = Mine(1, positive: 3, seen: [3]);

        Assert.Equal(new MinedCandidate(8, 4, 3, CandidateKind.Positive, true), mined[0]);
        Assert.All(mined, c => Assert.Equal((8, 4, true), (c.User, c.Position, c.IsValidation)));
        Assert.Single(mined, c => c.Kind == CandidateKind.Positive);
    }

    [Fact]
    public void The_same_seed_draws_the_same() =>
        Assert.Equal(Mine(5, 3, [3]), Mine(5, 3, [3]));

    [Fact]
    public void Where_everything_was_seen_there_is_only_the_positive() =>
        Assert.Single(Mine(1, positive: 3, seen: [.. Enumerable.Range(0, 12)]));

    private static List<MinedCandidate> Mine(int seed, int positive, int[] seen)
    {
        var set = new RowSet(12);
        set.AddRange(seen);
        var mined = new List<MinedCandidate>();
        new NegativeMiner(Options, 12, new Random(seed)).Mine(8, 4, positive, isValidation: true, Scores, set, mined);
        return mined;
    }
}
