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

public sealed class LeastSquaresTests
{
    [Fact]
    public void One_factor_is_the_quotient_by_hand()
    {
        // x minimises 3 (1 - 2x)^2 + .5 * 4 x^2 + 1 x^2: 6 / (12 + 2 + 1).
        Assert.Equal(6f / 15, Solve(1, [4f], .5f, 1, ([2f], 3f))[0], 5);
    }

    [Fact]
    public void Two_factors_solve_the_normal_equations()
    {
        // (1, 0) and (1, 1) with ridge 1: [[3, 1], [1, 2]] x = (2, 1).
        float[] solution = Solve(2, [0f, 0f, 0f, 0f], 0, 1, ([1f, 0f], 1f), ([1f, 1f], 1f));

        Assert.Equal(.6f, solution[0], 5);
        Assert.Equal(.2f, solution[1], 5);
    }

    [Fact]
    public void Many_factors_leave_no_residual()
    {
        const int D = 33; // not a multiple of a vector's width
        var random = new Random(1);
        float[][] rows = [.. Enumerable.Range(0, 50).Select(_ => Enumerable.Range(0, D).Select(_ => (float)(random.NextDouble() - .5)).ToArray())];
        float[] gram = ImplicitAls.Gram([.. rows.SelectMany(row => row)], D);

        float[] x = Solve(D, gram, .1f, .5f, [.. rows.Take(10).Select(row => (row, 1f))]);

        for (int d = 0; d < D; d++)
        {
            double left = .5 * x[d] + .1 * rows.Sum(row => row[d] * Dot(row, x)) + rows.Take(10).Sum(row => row[d] * Dot(row, x));
            Assert.Equal(rows.Take(10).Sum(row => (double)row[d]), left, 3);
        }
    }

    private static double Dot(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum();

    private static float[] Solve(int dimension, float[] gram, float unobserved, float ridge, params (float[] Factors, float Weight)[] interactions)
    {
        var solver = new LeastSquares(dimension);
        float[] solution = [.. Enumerable.Repeat(7f, dimension)];
        solver.Start(gram, unobserved, ridge, solution);
        foreach ((float[] factors, float weight) in interactions)
        {
            solver.Add(factors, weight, solution);
        }

        solver.Solve(solution);
        return solution;
    }
}
