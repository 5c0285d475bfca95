using System.Text.Json.Nodes;
using NanoRecSys.Training.Retrieval;
using static NanoRecSys.UnitTests.Fixtures.CircleWalks;

namespace NanoRecSys.UnitTests.Training.Retrieval;

/// <summary>An interrupted training resumes as if it had not been interrupted, or says why it cannot.</summary>
[Collection(SeededTorch.Name)]
public sealed class RetrieverResumeTests : FolderTests
{
    /// <summary>With few options, and with every option that keeps a state or draws random numbers.</summary>
    [Theory]
    [InlineData(1, false)]
    [InlineData(2, false)]
    [InlineData(1, true)]
    [InlineData(2, true)]
    public async Task A_resumed_training_has_the_curve_and_weights_of_an_uninterrupted_one(int threads, bool hasEverything)
    {
        TrainRetrieverOptions options = Options with { Epochs = 4, ValidateEvery = 4 };
        if (hasEverything)
        {
            options = options with
            {
                Loss = threads == 1 ? RetrieverLoss.SampledSoftmax : RetrieverLoss.FullSoftmax, // with which each thread has its own network
                Negatives = 5,
                ItemContent = true,
                MaxLength = 4,
                Window = TrainingWindow.Random,
                Decay = LearningRateDecay.Cosine,
                GradientNorm = 1,
                WeightDecay = 0.01,
                ValidateEvery = 1,
            };
        }

        StepContext uninterrupted = await Prepare("uninterrupted", hasEverything) with { Threads = threads };
        TrainRetrieverSummary expected = await TrainRetrieverStep.RunAsync(options, uninterrupted);

        StepContext interrupted = await Prepare("interrupted", hasEverything) with { Threads = threads };
        await InterruptAsync(options, interrupted, report => report.Epoch > 2);
        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(options with { Resume = true }, interrupted);

        Assert.Equal((4, expected.BestEpoch), (summary.Epochs, summary.BestEpoch));
        Assert.Equal(expected.Validation, summary.Validation);
        Assert.Equal(Weights(uninterrupted), Weights(interrupted));
        Assert.Equal(ModelFolder.Retriever.ReadModel(uninterrupted.Workspace.RetrieverFolder), ModelFolder.Retriever.ReadModel(interrupted.Workspace.RetrieverFolder));
        Assert.Equal(Losses(uninterrupted), Losses(interrupted));
    }

    [Fact]
    public async Task Better_weights_from_before_the_interruption_are_kept()
    {
        TrainRetrieverOptions options = Options with { Epochs = 4 };
        StepContext context = await Prepare("a");
        await InterruptAsync(options, context, report => report.Epoch > 2);
        byte[] best = Weights(context);
        string path = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint", "state.json");
        JsonNode state = JsonNode.Parse(File.ReadAllText(path))!;
        Assert.InRange((double)state["best_ndcg"]!, 0, 1);
        state["best_ndcg"] = 1.5; // no later epoch can reach it
        File.WriteAllText(path, state.ToJsonString());

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(options with { Resume = true }, context);

        Assert.Equal((4, (int)state["best_epoch"]!), (summary.Epochs, summary.BestEpoch));
        Assert.Equal(best, Weights(context));
    }

    [Fact]
    public async Task Killed_while_a_checkpoint_was_replaced_it_resumes_from_the_new_one()
    {
        StepContext context = await Prepare("a");
        await TrainRetrieverStep.RunAsync(Options with { Epochs = 2 }, context);
        string checkpoint = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint");
        string finished = AtomicFile.NameBeside(checkpoint);
        Directory.Move(checkpoint, finished);
        Directory.CreateDirectory(AtomicFile.NameBeside(checkpoint)); // unfinished, from an earlier kill

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(Options with { Epochs = 2, Resume = true }, context);

        Assert.Equal(2, summary.Epochs);
        Assert.True(Directory.Exists(checkpoint));
    }

    [Fact]
    public async Task A_training_does_not_continue_with_changed_inputs()
    {
        TrainRetrieverOptions options = Options with { Epochs = 1, ReducedPrecision = false };
        StepContext context = await Prepare("a");
        await RefusedAsync(options, "without --resume"); // nothing to resume
        await TrainRetrieverStep.RunAsync(options, context);

        await RefusedAsync(options with { Blocks = 2 }, "other options");
        await Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(options with { Resume = true }, context with { Threads = 2 }), "--threads 1");
        string path = Path.Combine(context.Workspace.RetrieverFolder, "checkpoint", "state.json"), state = File.ReadAllText(path);
        File.WriteAllText(path, state.Replace("\"--precision\": \"fp32\"", "\"--precision\": \"bf16\"", StringComparison.Ordinal));
        await RefusedAsync(options, "with --precision bf16, not fp32. Set --precision bf16, or train without --resume.");
        File.WriteAllText(path, state);
        await Prepare("a", length: Length + 1);
        await RefusedAsync(options, "other data");

        Task RefusedAsync(TrainRetrieverOptions resumed, string reason) => Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(resumed with { Resume = true }, context), reason);
    }

    [Fact]
    public async Task A_training_with_item_content_does_not_continue_with_other_item_data()
    {
        TrainRetrieverOptions options = Options with { Epochs = 1, ItemContent = true };
        StepContext context = await Prepare("a", hasCategories: true);
        await TrainRetrieverStep.RunAsync(options, context);
        string source = Folder.File("a-source"), items = Path.Combine(source, "movies.csv");
        await PrepareStep.RunAsync(new PrepareOptions { Data = source }, context);
        await TrainRetrieverStep.RunAsync(options with { Resume = true }, context); // the same data, prepared again

        File.WriteAllText(items, File.ReadAllText(items).Replace("Item 1,First", "Item 1,Second", StringComparison.Ordinal)); // as many features as before
        await PrepareStep.RunAsync(new PrepareOptions { Data = source }, context);

        await Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(options with { Resume = true }, context), "with other item data. Train without --resume.");
    }

    private Task<StepContext> Prepare(string name, bool hasCategories = false, int length = Length) => PrepareAsync(Folder, name, length, hasCategories);

    private static IEnumerable<double> Losses(StepContext context)
    {
        using JsonDocument metrics = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(context.Workspace.RetrieverFolder, TrainingLog.MetricsName)));
        return [.. metrics.RootElement.GetProperty("curve").EnumerateArray().Select(point => point.GetProperty("loss").GetDouble())];
    }
}
