using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;
using static NanoRecSys.UnitTests.Fixtures.CircleWalks;

namespace NanoRecSys.UnitTests.Training.Retrieval;

[Collection(SeededTorch.Name)]
public sealed class TrainRetrieverStepTests : FolderTests
{
    [Fact]
    public async Task It_learns_the_next_item_and_the_ranker_trains_after_it()
    {
        StepContext context = await Prepare("a");

        TrainRetrieverSummary retriever = await TrainRetrieverStep.RunAsync(Options, context);
        MineNegativesSummary mined = await MineNegativesStep.RunAsync(new MineNegativesOptions { Candidates = 6, Skip = 1, Hard = 2, Random = 1 }, context);
        TrainRankerSummary ranker = await TrainRankerStep.RunAsync(
            new TrainRankerOptions { Hidden = [16, 8, 8], Epochs = 2, BatchPairs = 64, Candidates = 6 }, context);

        Assert.True(retriever.Validation["ndcg@10"] > 0.8, $"NDCG@10 {retriever.Validation["ndcg@10"]}");
        Assert.Equal((Users * (Length - 2 - 1), Users), (mined.Positions, mined.ValidationPositions));
        Assert.Equal(2, ranker.Epochs);
        Assert.True(File.Exists(Path.Combine(context.Workspace.RankerFolder, ModelFolder.WeightsName)));
        string folder = context.Workspace.RetrieverFolder;
        Assert.True(File.Exists(Path.Combine(folder, TrainingCurve.FileName)));
        using JsonDocument metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, TrainingLog.MetricsName)));
        Assert.Equal(12, metrics.RootElement.GetProperty("curve").GetArrayLength());
        byte[] events = File.ReadAllBytes(Directory.GetFiles(Path.Combine(folder, TrainingLog.EventsName)).Single());
        Assert.True(events.AsSpan().IndexOf("validation/ndcg@10"u8) > 0, "The events have no NDCG@10.");
    }

    [Fact]
    public async Task Each_step_reports_loss_and_speed()
    {
        var reports = new Collected<ProgressEvent>();

        await TrainRetrieverStep.RunAsync(Options with { Epochs = 2 }, await Prepare("a") with { Progress = reports });

        Assert.Equal(2 * (4 + 1), reports.Values.Count); // four batches of up to 16 users, and the epoch
        Assert.All(reports.Values, report => Assert.True(report is { Loss: > 0, SequencesPerSecond: > 0, LearningRate: > 0 }, report.ToString()));
        Assert.Equal([5, 10], reports.Values.Index().Where(report => report.Item.Metrics is not null).Select(report => report.Index + 1));
    }

    [Fact]
    public async Task Gradients_are_clipped_to_the_given_norm()
    {
        // A norm far below the epsilon that AdamW adds to its divisor, so that the weights hardly change.
        double free = await MovedAsync("free", gradientNorm: 0), held = await MovedAsync("held", gradientNorm: 1e-14);

        Assert.True(free > 0.01, $"{free}");
        Assert.True(held < 1e-5, $"{held}");

        async Task<double> MovedAsync(string name, double gradientNorm)
        {
            StepContext context = await Prepare(name);
            TrainRetrieverOptions options = Options with { Epochs = 1, GradientNorm = gradientNorm };
            await TrainRetrieverStep.RunAsync(options with { LearningRate = 1e-30 }, context);
            float[] before = Table(context);
            await TrainRetrieverStep.RunAsync(options, context);
            return Table(context).Zip(before, (after, start) => Math.Abs(after - start)).Max();
        }
    }

    [Fact]
    public async Task Histories_too_short_to_train_on_are_an_error()
    {
        StepContext context = await Prepare("a", length: 3);

        await Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(Options, context), "a history needs four");
    }

    [Fact]
    public async Task A_NaN_loss_ends_the_training_with_the_reason()
    {
        StepContext context = await Prepare("a");

        await Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(Options with { LearningRate = 1e30 }, context), "Training diverged: the loss became NaN in epoch ");
    }

    [Theory]
    [InlineData(RetrieverLoss.InfoNce)]
    [InlineData(RetrieverLoss.Dcl)]
    [InlineData(RetrieverLoss.SampledSoftmax)]
    public async Task Every_other_loss_also_learns_the_next_item_on_two_threads(RetrieverLoss loss)
    {
        StepContext context = (await Prepare("a")) with { Threads = 2 };

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(
            Options with { Loss = loss, Negatives = 30, GradientNorm = 1, Window = TrainingWindow.Random }, context);

        Assert.True(summary.Validation["ndcg@10"] > 0.6, $"NDCG@10 {summary.Validation["ndcg@10"]}");
    }

    [Fact]
    public async Task Without_improvement_it_stops_and_keeps_the_best_weights()
    {
        StepContext context = await Prepare("a");

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(Options with { Epochs = 200, Patience = 3 }, context);

        Assert.Equal(summary.BestEpoch + 3, summary.Epochs);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        using RetrieverNetwork kept = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data: null);
        using var encoder = new BatchEncoder(kept, Precision.IsReduced(Options.ReducedPrecision, TorchSharp.torch.CPU)); // as in the training's validation
        Assert.Equal(summary.Validation, new NextItemRanking(data.Split, Items).Evaluate(new RetrieverScorer(encoder), HeldOut.Validation).Metrics);
    }

    private Task<StepContext> Prepare(string name, int length = Length) => PrepareAsync(Folder, name, length);

    private static float[] Table(StepContext context) => Tensors(context.Workspace.RetrieverFolder)["embedding.weight"].Values;
}

[Collection(SeededTorch.Name)]
public sealed class RefitStepTests : FolderTests
{
    [Fact]
    public async Task A_refit_is_tested_and_exported_while_validation_keeps_the_selected_weights()
    {
        // Short histories: what follows their fourth item is learned almost only from the validation items.
        StepContext context = await PrepareAsync(Folder, "a", length: 5);
        await TrainRetrieverStep.RunAsync(Options, context);
        var evaluate = new EvaluateOptions { Models = ["retriever", "popularity"], Resamples = 0 };
        EvaluationReport before = await EvaluateStep.RunAsync(evaluate, context);
        float[] selected = Table(context.Workspace.RetrieverFolder);

        RefitSummary summary = await RefitStep.RunAsync(context);
        EvaluationReport after = await EvaluateStep.RunAsync(evaluate, context);
        await ExportStep.RunAsync(new ExportOptions(), context);

        Assert.True(summary is { Epochs: > 0, Loss: > 0 });
        Assert.Equal(selected, Table(context.Workspace.RetrieverFolder));
        Assert.NotEqual(selected, Table(context.Workspace.RefitFolder));
        Assert.Equal(Of(before, "retriever", "validation").Metrics, Of(after, "retriever", "validation").Metrics);
        Assert.Null(Of(after, "retriever", "validation").Refit);
        Assert.True(Of(after, "retriever", "test").Refit);
        Assert.True(Of(after, "retriever", "test").Metrics["ndcg@10"] >= Of(before, "retriever", "test").Metrics["ndcg@10"]);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        Assert.Equal(ModelFolder.HashOf(context.Workspace.RefitFolder), ExportReport.Read(context.Workspace, data).RetrieverSha256);
    }

    [Fact]
    public async Task A_refit_of_an_earlier_training_is_not_used()
    {
        StepContext context = await PrepareAsync(Folder, "a");
        await TrainRetrieverStep.RunAsync(Options with { Epochs = 1 }, context);
        await RefitStep.RunAsync(context);
        string fit = ModelFolder.ServedRetriever(context.Workspace);

        await TrainRetrieverStep.RunAsync(Options with { Epochs = 2 }, context);

        Assert.Equal((context.Workspace.RefitFolder, context.Workspace.RetrieverFolder), (fit, ModelFolder.ServedRetriever(context.Workspace)));
    }

    [Fact]
    public async Task Weights_without_a_training_record_cannot_be_refitted()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");

        await Assert.RefusedAsync(() => RefitStep.RunAsync(context),
            $"{context.Workspace.RetrieverFolder} has no record of a training (metrics.json), as for imported weights or after an interrupted training. Run 'train-retriever' first.");
    }

    private static EvaluationResult Of(EvaluationReport report, string model, string split) =>
        report.Results.Single(result => (result.Model, result.Split) == (model, split));

    private static float[] Table(string folder) => Tensors(folder)["embedding.weight"].Values;
}
