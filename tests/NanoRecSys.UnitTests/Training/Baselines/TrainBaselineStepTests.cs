using NanoRecSys.Core.Retrieval;
using NanoRecSys.Training.Baselines;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Baselines;

[Collection(SeededTorch.Name)]
public sealed class TrainBaselineStepTests : FolderTests
{
    private static readonly MlpUserTowerOptions Tower = new()
    {
        Dimension = 16,
        Hidden = 32,
        HistoryLength = 2,
        Dropout = 0,
        LearningRate = .01,
        BatchPositions = 64,
        Epochs = 15,
    };

    private static readonly MatrixFactorizationOptions Factorization = new() { Dimension = 8, Sweeps = 3 };

    [Theory]
    [InlineData("mf", 0)]
    [InlineData("ease", 0)]
    [InlineData("mlp-user-tower", 0.9)]
    public async Task Evaluate_finds_the_saved_model(string model, double least)
    {
        StepContext context = await CircleWalks.PrepareAsync(Folder, "a");

        TrainBaselineSummary summary = await TrainBaselineStep.RunAsync(
            model switch { "mf" => Factorization, "ease" => new EaseOptions { Penalties = [1, 10] }, _ => Tower }, context);
        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = [model], Splits = [HeldOut.Validation] }, context);

        Assert.Equal(model, summary.Model);
        Assert.True(summary.Validation["ndcg@10"] > least, $"NDCG@10 {summary.Validation["ndcg@10"]}");
        Assert.Contains(model, EvaluatedModels.Available(await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation), context));
        Assert.Equal(summary.Validation["ndcg@10"], report.Results[0].Metrics["ndcg@10"], 6);
    }

    [Fact]
    public async Task The_same_seed_trains_the_same_tower()
    {
        TrainBaselineSummary first = await TrainBaselineStep.RunAsync(Tower, await CircleWalks.PrepareAsync(Folder, "a"));
        TrainBaselineSummary second = await TrainBaselineStep.RunAsync(Tower, await CircleWalks.PrepareAsync(Folder, "b"));

        Assert.Equal(first.Validation, second.Validation);
    }

    [Fact]
    public async Task A_baseline_that_is_not_trained_is_refused_with_the_remedy()
    {
        StepContext context = await CircleWalks.PrepareAsync(Folder, "a");

        await Assert.RefusedAsync(() => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["mf"] }, context), "Run 'train-baseline --model mf' first");
        Assert.DoesNotContain("mf", EvaluatedModels.Available(await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation), context));
    }

    [Fact]
    public void The_tower_reads_a_set_of_items_whatever_their_order_and_padding()
    {
        LibTorch.Load();
        manual_seed(1);
        using var scope = NewDisposeScope();
        using var tower = new MlpUserTower(5, new MlpUserTowerOptions { Dimension = 8, Hidden = 16 });
        tower.eval();

        float[] users = tower.forward(tensor(new long[] { 0, 0, 1, 3, 3, 1, 0, 0, 0, 0, 0, 2 }, [3, 4])).data<float>().ToArray();

        Assert.Equal(users[..8], users[8..16]);
        Assert.NotEqual(users[..8], users[16..]);
        Assert.Equal(1, users[..8].Sum(value => value * value), 5);
    }
}

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
