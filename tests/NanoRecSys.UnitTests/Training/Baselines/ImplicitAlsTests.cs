using NanoRecSys.Training.Baselines;

namespace NanoRecSys.UnitTests.Training.Baselines;

public sealed class ImplicitAlsTests
{
    private static readonly MatrixFactorizationOptions Options = new() { Dimension = 4, Sweeps = 8, Decay = .5 };

    // Even users walk over items 0..4, odd ones over 5..9, from different starts; the last two items of each are held out.
    private static readonly LeaveOneOut Split = new(new UserHistories(
        [.. Enumerable.Range(1, 20)], [.. Enumerable.Range(0, 21).Select(user => 7L * user)],
        [.. Enumerable.Range(0, 20).SelectMany(user => Enumerable.Range(0, 7).Select(t => (user / 2 + t) % 5 + 5 * (user % 2)))]));

    [Fact]
    public void A_user_with_one_item_of_a_group_gets_the_others()
    {
        float[] scores = Score([0, 1]);

        Assert.True(scores[2..5].Min() > scores[5..].Max(), string.Join(' ', scores));
    }

    [Fact]
    public void The_latest_items_count_most()
    {
        float[] scores = Score([0, 1, 2, 5]);

        Assert.True(scores[6..].Average() > Score([5, 0, 1, 2])[6..].Average());
        Assert.True(scores.All(float.IsFinite));
    }

    [Fact]
    public void The_number_of_threads_changes_nothing() => Assert.Equal(Train(threads: 1), Train(threads: 4));

    private static float[] Train(int threads)
    {
        var als = new ImplicitAls(Split, 10, Options, seed: 1, threads);
        for (int sweep = 0; sweep < Options.Sweeps; sweep++)
        {
            als.Sweep(TestContext.Current.CancellationToken);
        }

        return als.Items;
    }

    private static float[] Score(int[] history)
    {
        LibTorch.Load();
        using var model = new MatrixFactorization(Options, Train(threads: 1), threads: 1);
        float[] scores = new float[10];
        model.Score([history], scores);
        return scores;
    }
}
