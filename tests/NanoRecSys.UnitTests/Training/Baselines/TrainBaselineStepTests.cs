using NanoRecSys.Training.Baselines;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Baselines;

[Collection(SeededTorch.Name)]
public sealed class TrainBaselineStepTests : FolderTests
{
    private static readonly TrainBaselineOptions Tower = new()
    {
        MlpUserTower = new MlpUserTowerOptions { Dimension = 16, Hidden = 32, HistoryLength = 2, Dropout = 0, LearningRate = .01, BatchPositions = 64, Epochs = 15 },
    };

    private static readonly TrainBaselineOptions Factorization = new() { MatrixFactorization = new MatrixFactorizationOptions { Dimension = 8, Sweeps = 3 } };

    [Theory]
    [InlineData("mf", 0)]
    [InlineData("ease", 0)]
    [InlineData("mlp-user-tower", 0.9)]
    public async Task Evaluate_finds_the_saved_model(string model, double least)
    {
        StepContext context = await CircleWalks.PrepareAsync(Folder, "a");

        TrainBaselineSummary summary = await TrainBaselineStep.RunAsync(
            model switch { "mf" => Factorization, "ease" => new TrainBaselineOptions { Ease = new EaseOptions { Penalties = [1, 10] } }, _ => Tower }, context);
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
