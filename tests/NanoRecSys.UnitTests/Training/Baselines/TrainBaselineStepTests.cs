using NanoRecSys.Training.Baselines;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Baselines;

[Collection(SeededTorch.Name)]
public sealed class TrainBaselineStepTests : IDisposable
{
    // Sixty users walk round a circle of twelve items from different starts.
    private const int Users = 60, Items = 12, Length = 8;

    private static readonly TrainBaselineOptions Tower = new()
    {
        MlpUserTower = new MlpUserTowerOptions { Dimension = 16, Hidden = 32, HistoryLength = 2, Dropout = 0, LearningRate = .01, BatchPositions = 64, Epochs = 15 },
    };

    private static readonly TrainBaselineOptions Factorization = new() { MatrixFactorization = new MatrixFactorizationOptions { Dimension = 8, Sweeps = 3 } };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task The_tower_learns_what_follows_the_last_items()
    {
        TrainBaselineSummary summary = await TrainBaselineStep.RunAsync(Tower, await PrepareAsync());

        Assert.True(summary.Validation["ndcg@10"] > .9, $"NDCG@10 {summary.Validation["ndcg@10"]}");
    }

    [Theory]
    [InlineData("mf")]
    [InlineData("ease")]
    [InlineData("mlp-user-tower")]
    public async Task What_was_kept_is_what_evaluate_finds(string model)
    {
        StepContext context = await PrepareAsync();

        TrainBaselineSummary summary = await TrainBaselineStep.RunAsync(
            model switch { "mf" => Factorization, "ease" => new TrainBaselineOptions { Ease = new EaseOptions { Penalties = [1, 10] } }, _ => Tower }, context);
        EvaluationReport report = await EvaluateStep.RunAsync(new EvaluateOptions { Models = [model], Splits = [HeldOut.Validation] }, context);

        Assert.Equal(model, summary.Model);
        Assert.Contains(model, EvaluatedModels.Available(await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation), context));
        Assert.Equal(summary.Validation["ndcg@10"], report.Results[0].Metrics["ndcg@10"], 6);
    }

    [Fact]
    public async Task The_same_seed_trains_the_same_tower()
    {
        TrainBaselineSummary first = await TrainBaselineStep.RunAsync(Tower, await PrepareAsync("a"));
        TrainBaselineSummary second = await TrainBaselineStep.RunAsync(Tower, await PrepareAsync("b"));

        Assert.Equal(first.Validation, second.Validation);
    }

    [Fact]
    public async Task A_baseline_that_is_not_trained_is_refused_with_the_remedy()
    {
        StepContext context = await PrepareAsync();

        var error = await Assert.ThrowsAsync<UserErrorException>(() => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["mf"] }, context));

        Assert.Contains("Run 'train-baseline --model mf' first", error.Message, StringComparison.Ordinal);
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

    private async Task<StepContext> PrepareAsync(string name = "a")
    {
        IEnumerable<string> rows = Enumerable.Range(0, Users).SelectMany(user =>
            Enumerable.Range(0, Length).Select(t => $"{user + 1},{(user * 5 + t) % Items + 100},5,{t}"));
        await File.WriteAllLinesAsync(_folder.File("ratings.csv"), ["userId,movieId,rating,timestamp", .. rows]);
        StepContext context = StepContexts.In(_folder.File($"artifacts-{name}"), "circle");
        await PrepareStep.RunAsync(new PrepareOptions { Data = _folder.Path }, context);
        return context;
    }
}
