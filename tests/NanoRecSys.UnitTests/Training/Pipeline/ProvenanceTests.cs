using NanoRecSys.Training.Baselines;
using NanoRecSys.Training.Ranking;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Training.Pipeline;

/// <summary>After data is prepared again with as many users and items in other rows, no step uses the results from before.</summary>
[Collection(SeededTorch.Name)]
public sealed class ProvenanceTests(ProvenanceTests.EverythingTrained trained) : FolderTests, IClassFixture<ProvenanceTests.EverythingTrained>
{
    private const string OnOtherData = "on other data than is prepared now. Run '";

    private static readonly TrainRetrieverOptions Retriever = new() { Dimension = 16, Blocks = 1, Heads = 2, FeedForward = 20, MaxLength = 12, Epochs = 1 };
    private static readonly TrainRankerOptions Ranker = new() { Hidden = [8], Epochs = 1, Candidates = 10 };
    private static readonly MatrixFactorizationOptions Baseline = new() { Dimension = 8, Sweeps = 1 };

    private readonly Collected<ProgressEvent> _progress = new();

    [Fact]
    public async Task Retriever_of_other_rows_is_refused_by_every_step()
    {
        StepContext context = Trained();
        await PrepareInAnotherOrderAsync(context);

        string expected = $"The retriever in {context.Workspace.RetrieverFolder} was trained {OnOtherData}train-retriever' again.";
        await AssertRefusedAsync(expected, () => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever"] }, context));
        await AssertRefusedAsync(expected, () => EvaluateStep.RunAsync(new EvaluateOptions(), context));
        await AssertRefusedAsync(expected, () => MineNegativesStep.RunAsync(TwoTastes.Negatives, context));
        await AssertRefusedAsync(expected, () => TrainRankerStep.RunAsync(Ranker, context));
        await AssertRefusedAsync(expected, () => ExportStep.RunAsync(new ExportOptions(), context));
        await AssertRefusedAsync(expected, () => StateDictionaryExport.RunAsync(context));
        await AssertRefusedAsync(expected, () => IndexStep.RunAsync(new IndexOptions(), context));
        await AssertRefusedAsync(expected, () => PublishStep.RunAsync(new PublishOptions(), context));
        await AssertRefusedAsync(
            $"The checkpoint in {Path.Combine(context.Workspace.RetrieverFolder, "checkpoint")} was written with other data. Train without --resume.",
            () => TrainRetrieverStep.RunAsync(Retriever with { Resume = true }, context));
    }

    [Fact]
    public async Task Export_and_index_of_other_rows_are_refused_by_every_step()
    {
        StepContext context = Trained();
        await PrepareInAnotherOrderAsync(context);
        await TrainRetrieverStep.RunAsync(Retriever, context);

        string expected = $"The export in {context.Workspace.ExportFolder} was made {OnOtherData}export' and 'index' again.";
        await AssertRefusedAsync(expected, () => IndexStep.RunAsync(new IndexOptions(), context));
        await AssertRefusedAsync(expected, () => PublishStep.RunAsync(new PublishOptions(), context));
        await AssertRefusedAsync(expected, () => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever-int8"] }, context));
    }

    [Fact]
    public async Task Negatives_ranker_and_baseline_of_other_rows_are_refused_or_left_out()
    {
        StepContext context = Trained();
        await PrepareInAnotherOrderAsync(context);
        await TrainRetrieverStep.RunAsync(Retriever, context);

        await AssertRefusedAsync(
            $"The negatives in {context.Workspace.NegativesFile} were mined {OnOtherData}mine-negatives' again.", () => TrainRankerStep.RunAsync(Ranker, context));
        string ofBaseline = $"The 'mf' baseline in {context.Workspace.BaselineFolder("mf")} was trained {OnOtherData}train-baseline --model mf' again.";
        await AssertRefusedAsync(ofBaseline, () => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["mf"] }, context));

        EvaluationReport all = await EvaluateStep.RunAsync(new EvaluateOptions { Resamples = 0, Splits = [HeldOut.Test] }, context);

        Assert.Equal(["popularity", "item-knn", "retriever"], all.Results.Select(result => result.Model));
        Assert.Contains(_progress.Values, value => value.Message == $"{ofBaseline} It is left out.");
        Assert.Contains(_progress.Values, value => value.Message?.StartsWith("The ranker is left out. The ranker was trained for another retriever.", StringComparison.Ordinal) == true);
    }

    [Fact]
    public async Task Metrics_of_other_rows_are_neither_published_nor_kept_beside_new_ones()
    {
        StepContext context = Trained();
        await PrepareInAnotherOrderAsync(context);
        await TrainRetrieverStep.RunAsync(Retriever, context);
        await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["popularity"], Splits = [HeldOut.Test], Resamples = 0 }, context);

        PublishSummary published = await PublishStep.RunAsync(new PublishOptions(), context);

        // The earlier figures of "popularity" on validation are gone.
        Assert.Equal([("popularity", "test")], context.Workspace.Store.Open(published.Version).Manifest.Metrics.Select(result => (result.Model, result.Split)));
        Assert.Contains(_progress.Values, value => value.Message
            == "The metrics of 'retriever' are left out: they were measured on other data than is prepared now. Run 'evaluate retriever --split both' again.");
    }

    [Theory]
    [InlineData("content_map.npy", "export' wrote it. Run 'export' and 'index' again.")]
    [InlineData("user_tower.onnx", "export' wrote it. Run 'export' and 'index' again.")]
    [InlineData("items.index", "index' wrote it. Run 'index' again.")]
    public async Task An_exported_file_that_changed_is_not_published(string file, string expected)
    {
        StepContext context = Trained();
        string path = Path.Combine(context.Workspace.ExportFolder, file);
        byte[] bytes = await File.ReadAllBytesAsync(path, context.Cancellation);
        bytes[^1] ^= 1;
        await File.WriteAllBytesAsync(path, bytes, context.Cancellation);

        await AssertRefusedAsync($"{path} changed after '{expected}", () => PublishStep.RunAsync(new PublishOptions(), context));
    }

    [Fact]
    public async Task An_index_of_an_earlier_export_is_not_published()
    {
        StepContext context = Trained();
        string[] index = [Path.Combine(context.Workspace.ExportFolder, "items.index"), Path.Combine(context.Workspace.ExportFolder, "index.json")];
        byte[][] earlier = [.. index.Select(File.ReadAllBytes)];
        await TrainRetrieverStep.RunAsync(Retriever, context with { Seed = 7 });
        await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);
        await File.WriteAllBytesAsync(index[0], earlier[0], context.Cancellation);
        await File.WriteAllBytesAsync(index[1], earlier[1], context.Cancellation);

        await AssertRefusedAsync(
            $"{index[0]} was built from other item embeddings than the exported ones. Run 'index' again.", () => PublishStep.RunAsync(new PublishOptions(), context));
    }

    [Theory]
    [InlineData("ranker.json", "null")]
    [InlineData("weights.safetensors", "")]
    public async Task A_damaged_ranker_is_named_with_the_command_that_trains_it(string file, string text)
    {
        StepContext context = Trained();
        await File.WriteAllTextAsync(Path.Combine(context.Workspace.RankerFolder, file), text, context.Cancellation);

        var error = await Assert.ThrowsAsync<UserErrorException>(() => ExportStep.RunAsync(new ExportOptions(), context));

        Assert.StartsWith($"The ranker in {context.Workspace.RankerFolder} cannot be read (", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("Run 'train-ranker' again.", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("state.json", "null")]
    [InlineData("weights.safetensors", "")]
    [InlineData("optimizer.bin", "none of an optimizer's state")]
    public async Task A_damaged_checkpoint_is_named_with_the_remedy(string file, string text)
    {
        StepContext context = Trained();
        string checkpoint = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint");
        await File.WriteAllTextAsync(Path.Combine(checkpoint, file), text, context.Cancellation);

        await Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(Retriever with { Resume = true }, context),
            $"The checkpoint in {checkpoint} cannot be read (", "Train without --resume.");
    }

    [Fact]
    public async Task The_same_data_prepared_again_changes_nothing()
    {
        StepContext context = Trained();
        await PrepareStep.RunAsync(new PrepareOptions { Data = Folder.File("a-source") }, context);

        await IndexStep.RunAsync(new IndexOptions(), context);
        Assert.NotEmpty((await EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever", "ranker", "mf"], Resamples = 0 }, context)).Results);
        await TrainRankerStep.RunAsync(Ranker with { Epochs = 2, Resume = true }, context);
    }

    [Fact]
    public async Task Weights_of_an_earlier_version_are_refused()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
        string weights = Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName);
        SafetensorsFile.Write(weights, SafetensorsFile.Read(weights).Values);

        await AssertRefusedAsync(
            $"The retriever in {context.Workspace.RetrieverFolder} was trained by an earlier version, which did not record the data. Run 'train-retriever' again.",
            () => MineNegativesStep.RunAsync(TwoTastes.Negatives, context));
    }

    [Fact]
    public async Task A_split_of_the_same_rows_by_time_is_different_data()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
        await PrepareStep.RunAsync(new PrepareOptions { Data = Folder.File("a-source"), Split = SplitKind.Time, HeldOutShare = 0.3 }, context);

        await AssertRefusedAsync(
            $"The retriever in {context.Workspace.RetrieverFolder} was trained {OnOtherData}train-retriever' again.",
            () => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["retriever"] }, context));
    }

    private StepContext Trained()
    {
        foreach (string file in Directory.EnumerateFiles(trained.Folder.Path, "*", SearchOption.AllDirectories))
        {
            string copy = Folder.File(Path.GetRelativePath(trained.Folder.Path, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        return StepContexts.In(Folder.File("a"), "tastes", _progress) with { Threads = 1 };
    }

    /// <summary>A folder in which every step has run, for tests to copy.</summary>
    public sealed class EverythingTrained : IAsyncLifetime
    {
        internal TemporaryFolder Folder { get; } = new();

        public async ValueTask InitializeAsync()
        {
            StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
            await TrainRetrieverStep.RunAsync(Retriever, context);
            await MineNegativesStep.RunAsync(TwoTastes.Negatives, context);
            await TrainRankerStep.RunAsync(Ranker, context);
            await TrainBaselineStep.RunAsync(Baseline, context);
            await EvaluateStep.RunAsync(new EvaluateOptions { Resamples = 0 }, context);
            await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);
            await IndexStep.RunAsync(new IndexOptions(), context);
        }

        public ValueTask DisposeAsync()
        {
            Folder.Dispose();
            return ValueTask.CompletedTask;
        }
    }

    // Items are numbered in order of first appearance, so reversing the ratings changes the rows of the item table.
    private async Task PrepareInAnotherOrderAsync(StepContext context)
    {
        string ratings = Path.Combine(Folder.File("a-source"), "ratings.csv");
        string[] lines = await File.ReadAllLinesAsync(ratings, context.Cancellation);
        await File.WriteAllLinesAsync(ratings, [lines[0], .. lines[1..].Reverse()], context.Cancellation);
        string before = await CountsAsync(context);
        await PrepareStep.RunAsync(new PrepareOptions { Data = Folder.File("a-source") }, context);
        Assert.Equal(before, await CountsAsync(context));
    }

    private static async Task<string> CountsAsync(StepContext context)
    {
        PreparedData data = await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation);
        return JsonSerializer.Serialize(new[] { data.Split.UserCount, data.Catalog.Count, data.Histories.InteractionCount });
    }

    private static async Task AssertRefusedAsync(string expected, Func<Task> step) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<UserErrorException>(step)).Message);
}
