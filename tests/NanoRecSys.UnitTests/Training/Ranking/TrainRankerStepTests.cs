using System.Text.Json.Nodes;
using NanoRecSys.Core.Features;
using NanoRecSys.Training.Ranking;
using TorchSharp;

namespace NanoRecSys.UnitTests.Training.Ranking;

[Collection(SeededTorch.Name)]
public sealed class TrainRankerStepTests : FolderTests
{
    private static readonly TrainRankerOptions Options = new()
    {
        Hidden = [16, 8],
        Dropout = 0,
        ItemDropout = 0.3,
        LearningRate = 0.01,
        BatchPairs = 64,
        Epochs = 6,
        Patience = 6,
        Candidates = 10,
        Signals = RankerSignals.All,
    };

    [Theory]
    [InlineData(RankerLossKind.Bce)]
    [InlineData(RankerLossKind.Listwise)]
    public async Task Every_loss_learns_the_users_genres(RankerLossKind loss)
    {
        StepContext context = await MinedAsync("a");

        TrainRankerSummary summary = await TrainRankerStep.RunAsync(Options with { Loss = loss }, context);

        Assert.True(summary.AucRandom > 0.7, $"AUC {summary.AucRandom}"); // half of the random items are of the other genre
        Assert.True(summary.Plain > summary.Retriever, $"NDCG@10 {summary.Plain}, of the random retriever {summary.Retriever}");
        Assert.True(summary.Fused >= summary.Plain, "the weight 0 is one of the choices");
    }

    [Fact]
    public async Task With_masked_items_it_ranks_new_items_by_their_genres()
    {
        StepContext context = await MinedAsync("a");
        await TrainRankerStep.RunAsync(Options, context);

        EvaluationReport report = await EvaluateStep.RunAsync(
            new EvaluateOptions { Models = ["popularity", "ranker-new-items", "ranker-new-items-all"], Splits = [HeldOut.Validation], Resamples = 0 }, context);

        double Hr(string model) => report.Results.Single(result => result.Model == model).Metrics["hr@10"];
        Assert.True(Hr("ranker-new-items-all") > 0.5, $"{Hr("ranker-new-items-all")}: of 34 unseen items 14 are of the genre");
        EvaluationResult ordered = report.Results.Single(result => result.Model == "ranker-new-items");
        Assert.Equal((true, false), (ordered.Metrics.ContainsKey("hr@100"), ordered.Metrics.ContainsKey("hr@200")));
    }

    [Fact]
    public async Task A_resumed_training_ends_with_the_weights_of_an_uninterrupted_one()
    {
        StepContext uninterrupted = await MinedAsync("uninterrupted");
        StepContext interrupted = await MinedAsync("interrupted");

        await TrainRankerStep.RunAsync(Options with { Epochs = 4 }, uninterrupted);
        await TrainRankerStep.RunAsync(Options with { Epochs = 2 }, interrupted);
        TrainRankerSummary resumed = await TrainRankerStep.RunAsync(Options with { Epochs = 4, Resume = true }, interrupted);

        Assert.Equal(4, resumed.Epochs);
        Assert.Equal(CheckpointOf(uninterrupted), CheckpointOf(interrupted));
    }

    [Fact]
    public async Task Resuming_a_finished_training_changes_nothing()
    {
        StepContext context = await MinedAsync("a");
        TrainRankerSummary first = await TrainRankerStep.RunAsync(Options with { Epochs = 2, RetrieverWeights = [5] }, context);
        byte[] weights = WeightsOf(context);

        TrainRankerSummary again = await TrainRankerStep.RunAsync(Options with { Epochs = 2, RetrieverWeights = [5], Resume = true }, context);

        Assert.Equal(first with { Seconds = 0 }, again with { Seconds = 0 });
        Assert.Equal(weights, WeightsOf(context)); // the retriever's weight shifts the bias only once
    }

    [Fact]
    public async Task A_diverging_training_ends_with_its_reason()
    {
        StepContext context = await MinedAsync("a");

        await Assert.RefusedAsync(() => TrainRankerStep.RunAsync(Options with { LearningRate = 1e30 }, context), "Training diverged: the loss became NaN in epoch ");
    }

    [Fact]
    public async Task Every_item_that_the_ranking_includes_is_a_candidate()
    {
        StepContext context = await MinedAsync("a");
        await TrainRankerStep.RunAsync(Options with { Epochs = 1 }, context);
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);

        foreach ((int leftOut, int had) in new[] { (int.MaxValue, 0), (2, TwoTastes.Length - 3), (0, TwoTastes.Length - 1) })
        {
            using var models = new EvaluatedModels(["ranker"], data, context, leftOut);
            var scores = new float[TwoTastes.Items];
            Assert.True(data.Split.TryGet(0, HeldOut.Test, out HeldOutCase held));
            models.Scorers[0].Score([held.History], scores);
            Assert.Equal(had, held.History.Items.ToArray().Count(item => scores[item] > float.NegativeInfinity));
        }
    }

    [Fact]
    public async Task A_training_does_not_continue_with_changed_inputs()
    {
        StepContext context = await MinedAsync("a");
        await TrainRankerStep.RunAsync(Options with { Epochs = 1 }, context);
        await RefusedAsync(Options with { Hidden = [8] }, "other options");

        string path = Path.Combine(context.Workspace.RankerFolder, "checkpoint", "state.json"), text = File.ReadAllText(path);
        JsonObject state = JsonNode.Parse(text)!.AsObject();
        state.Remove("inputs");
        File.WriteAllText(path, state.ToJsonString());
        await RefusedAsync(Options, "was written by an earlier version. Train without --resume.");
        int loss = text.IndexOf("\"loss\"", StringComparison.Ordinal);
        File.WriteAllText(path, string.Concat(text.AsSpan(0, loss), "\"loss\": \"removed\"", text.AsSpan(text.IndexOf(',', loss))));
        await RefusedAsync(Options, "cannot be read", "Train without --resume.");
        File.WriteAllText(path, text);

        string catalogFile = Path.Combine(context.Workspace.DataFolder, PreparedData.CatalogName);
        Catalog catalog = await CatalogFile.ReadAsync(catalogFile, context.Cancellation);
        await CatalogFile.WriteAsync(catalogFile, new Catalog([.. catalog.Items.Select(item => item with { Categories = ["Other"] })]), context.Cancellation);
        await RefusedAsync(Options, "was written with other item data. Train without --resume.");
        await CatalogFile.WriteAsync(catalogFile, catalog, context.Cancellation);

        await MineNegativesStep.RunAsync(TwoTastes.Negatives with { Hard = 5 }, context);
        await RefusedAsync(Options, "was written with other negatives. Train without --resume.");
        TwoTastes.ReplaceRetriever(context);
        await RefusedAsync(Options, $"The negatives in {context.Workspace.NegativesFile} were mined with another retriever. Run 'mine-negatives' again.");

        Task RefusedAsync(TrainRankerOptions options, params string[] reason) =>
            Assert.RefusedAsync(() => TrainRankerStep.RunAsync(options with { Epochs = 2, Resume = true }, context), reason);
    }

    [Fact]
    public async Task Training_keeps_its_number_of_threads_after_every_await()
    {
        var counts = new ThreadCounts();
        StepContext context = await MinedAsync("a") with { Threads = 1, Progress = counts };

        await TrainRankerStep.RunAsync(Options with { BatchPairs = 1 << 20, Epochs = 3 }, context); // one step and two reports per epoch

        torch.set_num_threads(context.Threads);
        Assert.Equal(6, counts.Seen.Count);
        Assert.All(counts.Seen, count => Assert.Equal(1, count));
    }

    [Fact]
    public async Task It_writes_a_plot_metrics_and_events()
    {
        StepContext context = await MinedAsync("a");
        await TrainRankerStep.RunAsync(Options with { Epochs = 1 }, context);

        string folder = context.Workspace.RankerFolder;
        Assert.True(File.Exists(Path.Combine(folder, TrainingCurve.FileName)));
        Assert.Contains("auc_hard", File.ReadAllText(Path.Combine(folder, TrainingLog.MetricsName)), StringComparison.Ordinal);
        byte[] events = File.ReadAllBytes(Directory.GetFiles(Path.Combine(folder, TrainingLog.EventsName)).Single());
        Assert.True(events.AsSpan().IndexOf("validation/auc_random"u8) > 0, "The events have no AUC.");
    }

    private async Task<StepContext> MinedAsync(string name)
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, name);
        await MineNegativesStep.RunAsync(TwoTastes.Negatives, context);
        return context;
    }

    private static byte[] WeightsOf(StepContext context) =>
        File.ReadAllBytes(Path.Combine(context.Workspace.RankerFolder, ModelFolder.WeightsName));

    /// <summary>Records torch's number of threads at each report and then changes it, as it may change with the thread after an await.</summary>
    private sealed class ThreadCounts : IProgress<ProgressEvent>
    {
        public List<int> Seen { get; } = [];

        public void Report(ProgressEvent value)
        {
            if (value.Message is null)
            {
                Seen.Add(torch.get_num_threads());
                torch.set_num_threads(3);
            }
        }
    }

    private static byte[] CheckpointOf(StepContext context) =>
        File.ReadAllBytes(Path.Combine(context.Workspace.RankerFolder, "checkpoint", ModelFolder.WeightsName));
}
