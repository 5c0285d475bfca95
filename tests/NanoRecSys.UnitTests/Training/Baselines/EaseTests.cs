using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Baselines;

namespace NanoRecSys.UnitTests.Training.Baselines;

[Collection(SeededTorch.Name)]
public sealed class EaseTests
{
    // Training parts (the last two items of each user are held out): {0, 1}, {0, 1, 2}, {0}. X'X + I of items 0 to 2 is
    // [4 2 1; 2 3 1; 1 1 2], its inverse [5 -3 -1; -3 7 -2; -1 -2 8] / 13.
    private static readonly LeaveOneOut Split = new(new UserHistories(
        [1, 2, 3], [0, 4, 9, 12], [0, 1, 3, 3, 0, 1, 2, 3, 3, 0, 3, 3]));

    private static readonly EaseOptions All = new() { Nearness = 1 };

    [Fact]
    public void Weights_are_those_of_the_closed_form()
    {
        Assert.Equal([0, 3 / 7f, 1 / 8f, 0], Score(All, [0]), Near);
        Assert.Equal([3 / 5f, 0, 2 / 8f, 0], Score(All, [1]), Near);
        Assert.Equal([1 / 5f, 2 / 7f, 0, 0], Score(All, [2]), Near);
    }

    [Fact]
    public void Pairs_that_are_farther_apart_count_less()
    {
        // The matrix [4 1 1/4; 1 3 1/2; 1/4 1/2 2] and its adjugate [5.75 -1.875 -0.25; -1.875 7.9375 -1.75; -0.25 -1.75 11].
        Assert.Equal([0, 1.875f / 7.9375f, 0.25f / 11, 0], Score(new EaseOptions { Nearness = 0.5 }, [0]), Near);
    }

    [Fact]
    public void Older_items_count_less() =>
        Assert.Equal([3 / 5f, 0.5f * 3 / 7, (1 / 4f) + (0.5f / 8), 0], Score(All with { Decay = 0.5 }, [0, 1]), Near);

    [Fact]
    public void Only_the_strongest_neighbours_are_kept() =>
        Assert.Equal([0, 3 / 7f, 0, 0], Score(All with { Neighbours = 1 }, [0]), Near);

    [Fact]
    public void Too_many_items_for_memory_are_refused_with_their_number_and_the_size()
    {
        Assert.Null(Ease.Problem(10_000, 4L << 30));
        Assert.Equal(
            "EASE inverts a matrix of items times items: 20,000 items need 4.5 GiB, 2.4 GiB are available. Prepare fewer items with --k-core, or use item-knn or mf.",
            Ease.Problem(20_000, 4L << 30));
    }

    private static bool Near(float expected, float actual) => Math.Abs(expected - actual) < 1e-5;

    private static float[] Score(EaseOptions options, int[] history)
    {
        LibTorch.Load();
        ItemLists lists = Ease.Build(Split, 4, penalty: 1, options, threads: 2, TestContext.Current.CancellationToken);
        float[] scores = new float[4];
        new ItemListScorer(Ease.ModelName, lists).Score([history], scores);
        return scores;
    }
}
