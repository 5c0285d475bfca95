using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Ranking;

public sealed class NegativeMinerTests
{
    private static readonly MineNegativesOptions Options = new() { Candidates = 5, Skip = 2, Hard = 2, Random = 3 };

    // The retriever ranks the items in the order 0, 1, ..., 11.
    private static readonly float[] Scores = [.. Enumerable.Range(0, 12).Select(row => 1 - 0.05f * row)];

    [Fact]
    public void Hard_negatives_are_the_best_after_the_skipped_ones_without_the_positive_and_seen_items()
    {
        for (int seed = 0; seed < 20; seed++)
        {
            MinedPosition mined = Mine(seed, positive: 3, seen: [1, 3, 7]);

            // The five best that remain are 0, 2, 4, 5, 6; the first two are skipped.
            int[] hard = Of(mined, CandidateKind.Hard);
            Assert.Equal(2, hard.Distinct().Count());
            Assert.All(hard, item => Assert.Contains(item, (int[])[4, 5, 6]));
            int[] random = Of(mined, CandidateKind.Random);
            Assert.Equal(3, random.Length);
            Assert.All(random, item => Assert.DoesNotContain(item, (int[])[1, 3, 7]));
        }
    }

    [Fact]
    public void The_positive_comes_first_and_each_candidate_has_the_retrievers_score()
    {
        MinedPosition mined = Mine(1, positive: 3, seen: [3]);

        Assert.Equal((8, 4, 3), (mined.User, mined.Position, mined.Items[0]));
        Assert.Equal([1f, 2f], mined.Embedding);
        Assert.Equal(CandidateKind.Positive, mined.Kinds[0]);
        Assert.DoesNotContain(CandidateKind.Positive, mined.Kinds.Skip(1));
        Assert.Equal(mined.Items.Select(row => Scores[row]), mined.Cosines);
    }

    [Fact]
    public void The_same_seed_draws_the_same() =>
        Assert.Equal(Mine(5, 3, [3]).Items, Mine(5, 3, [3]).Items);

    [Fact]
    public void If_everything_was_seen_there_is_only_the_positive() =>
        Assert.Equal([3], Mine(1, positive: 3, seen: [.. Enumerable.Range(0, 12)]).Items);

    private static int[] Of(MinedPosition mined, CandidateKind kind) =>
        [.. mined.Items.Where((_, place) => mined.Kinds[place] == kind)];

    private static MinedPosition Mine(int seed, int positive, int[] seen) =>
        new NegativeMiner(Options, 12, new Random(seed)).Mine(8, 4, positive, [1, 2], Scores, RowSets.Of(12, seen));
}
