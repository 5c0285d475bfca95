using NanoRecSys.Core.Kernels;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Retrieval;
using static NanoRecSys.UnitTests.Fixtures.CircleWalks;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Retrieval;

[Collection(SeededTorch.Name)]
public sealed class RetrieverMembersTests : FolderTests
{
    private static readonly TrainRetrieverOptions Two = Options with { Epochs = 3, Members = 2 };

    [Fact]
    public void A_cosine_is_the_mean_of_the_members_cosines()
    {
        ModelInfo model = Options.ToModel(Items);
        using UserTower first = new(model, embeddingStd: 1), second = new(model, embeddingStd: 1);
        using var together = RetrieverNetwork.Create(model with { Members = 2 });
        NetworkWeights.Load(together, MemberWeights.Join([NetworkWeights.Of(first), NetworkWeights.Of(second)]).ToDictionary(tensor => tensor.Name));

        float[] ofFirst = Cosines(first), ofSecond = Cosines(second), ofBoth = Cosines(together);

        Assert.All(ofFirst.Zip(ofSecond, ofBoth), each => Assert.Equal((each.First + each.Second) / 2, each.Third, 1e-6f));
        Assert.NotEqual(ofFirst, ofSecond);
    }

    [Fact]
    public async Task Members_have_the_weights_of_separate_trainings_however_many_train_at_once()
    {
        StepContext sideBySide = await PrepareAsync(Folder, "a") with { Threads = Vectors512.AreUsed ? 2 : 1 }, inTurn = await PrepareAsync(Folder, "b"), alone = await PrepareAsync(Folder, "c");

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(Two, sideBySide);
        await TrainRetrieverStep.RunAsync(Two, inTurn);

        ModelInfo model = ModelFolder.Retriever.ReadModel(sideBySide.Workspace.RetrieverFolder);
        Assert.Equal((2, 2 * Options.Dimension), (model.Members, model.EmbeddingDimension));
        Assert.Equal(2, summary.Members!.Count);
        Assert.Equal(Weights(sideBySide), Weights(inTurn));
        for (int member = 0; member < 2; member++)
        {
            TrainRetrieverSummary one = await TrainRetrieverStep.RunAsync(Two with { Members = null }, alone with { Seed = alone.Seed + member });
            Assert.Equal(one.Validation, summary.Members[member].Validation);
            Assert.Equal(Values(Trained(alone)), Values(Trained(sideBySide).OfMember(model, member)));
        }
    }

    [Fact]
    public async Task Alternate_item_content_is_in_every_second_member()
    {
        StepContext mixed = await PrepareAsync(Folder, "a", hasCategories: true), alone = await PrepareAsync(Folder, "b", hasCategories: true);
        ModelInfo model = Two.ToModel(Items);

        await TrainRetrieverStep.RunAsync(Two with { ItemContent = true, AlternateContent = true }, mixed);
        await RefitStep.RunAsync(mixed);

        for (int member = 0; member < 2; member++)
        {
            StepContext context = alone with { Seed = alone.Seed + member };
            await TrainRetrieverStep.RunAsync(Two with { ItemContent = member == 1, Members = null }, context);
            await RefitStep.RunAsync(context);
            Assert.Equal(Values(Trained(alone)), Values(Trained(mixed).OfMember(model, member)));
            Assert.Equal(Values(Refitted(alone)), Values(Refitted(mixed).OfMember(model, member)));
        }
    }

    [Fact]
    public async Task Alternate_item_content_of_a_single_network_is_refused()
    {
        StepContext context = await PrepareAsync(Folder, "a", hasCategories: true);

        await Assert.RefusedAsync(() => TrainRetrieverStep.RunAsync(Options with { ItemContent = true, AlternateContent = true }, context), "--members 2");
    }

    [Fact]
    public async Task A_training_interrupted_in_the_first_member_resumes_to_the_same_weights()
    {
        StepContext uninterrupted = await PrepareAsync(Folder, "a"), interrupted = await PrepareAsync(Folder, "b");
        await TrainRetrieverStep.RunAsync(Two, uninterrupted);
        await InterruptAsync(Two, interrupted, report => report.Epoch > 2);

        await TrainRetrieverStep.RunAsync(Two with { Resume = true }, interrupted);

        Assert.Equal(Weights(uninterrupted), Weights(interrupted));
    }

    [Theory]
    [InlineData(3, "retriever was interrupted: its networks are newer than the weights that join them.")] // during the second member
    [InlineData(1, "has no record of a training (metrics.json), as for imported weights or after an interrupted training.")]
    public async Task A_refit_is_refused_after_an_interrupted_training_until_that_is_resumed(int reports, string reason)
    {
        StepContext context = await PrepareAsync(Folder, "a");
        await TrainRetrieverStep.RunAsync(Two, context);
        TrainRetrieverOptions others = Two with { Epochs = 2, LearningRate = 0.005 };
        int validations = 0;
        await InterruptAsync(others, context, report => report.Metrics is not null && ++validations == reports);

        await Assert.RefusedAsync(() => RefitStep.RunAsync(context), reason);
        await TrainRetrieverStep.RunAsync(others with { Resume = true }, context);
        await RefitStep.RunAsync(context);

        Assert.Equal(2, ModelFolder.Retriever.ReadModel(context.Workspace.RefitFolder).Members);
    }

    [Fact]
    public async Task A_warm_start_begins_with_the_served_weights_of_each_member()
    {
        const string Version = "0123456789ab";
        StepContext context = await PrepareAsync(Folder, "a");
        await TrainRetrieverStep.RunAsync(Two, context);
        ModelInfo model = ModelFolder.Retriever.ReadModel(context.Workspace.RetrieverFolder);
        IReadOnlyDictionary<string, NamedTensor> served = Trained(context);
        await ServedWeights.KeepAsync(Version, await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation), context.Workspace);
        await File.WriteAllTextAsync(context.Workspace.Store.CurrentFile, Version, context.Cancellation);

        await TrainRetrieverStep.RunAsync(Two with { WarmStart = true, Epochs = 1, LearningRate = 1e-9 }, context);

        Assert.All(served.Values, tensor => Assert.Equal(tensor.Values, Trained(context)[tensor.Name].Values, (a, b) => Math.Abs(a - b) < 1e-6));
        Assert.NotEqual(served.OfMember(model, 0)[UserTower.ItemTableName].Values, served.OfMember(model, 1)[UserTower.ItemTableName].Values);
    }

    /// <summary>Also after a refit and a final fit, which begin with the weights of each member.</summary>
    [Fact]
    public async Task The_exported_graph_answers_as_all_members_together()
    {
        StepContext context = await PrepareAsync(Folder, "a");
        TrainRetrieverOptions options = Two with { Dimension = 64, FeedForward = 128 }; // sizes that the 8-bit operators support
        await TrainRetrieverStep.RunAsync(options, context);
        await RefitStep.RunAsync(context);
        await FinalFitStep.RunAsync(new FinalFitOptions { Epochs = 1 }, context);

        ExportReport report = await ExportStep.RunAsync(new ExportOptions(), context);

        using RetrieverNetwork network = ModelFolder.ReadRetriever(context.Workspace.FinalFolder, data: null);
        using var encoder = new UserEncoder(network);
        using Tensor expected = encoder.Encode([new[] { 3, 4, 5 }]);
        using var exported = new OnnxUserTower(Path.Combine(context.Workspace.ExportFolder, ArtifactNames.UserTower), report.Model);
        float[] user = exported.Encode(new[] { 3, 4, 5 });
        Assert.Equal((2, 2 * options.Dimension), (report.Model.Members, user.Length));
        Assert.All(expected.data<float>().ToArray().Zip(user), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.Contains(ArtifactNames.UserTowerInt8, report.Parity.Keys);
        Assert.Equal(2 * options.Dimension, NpyFile.Read(Path.Combine(context.Workspace.ExportFolder, ArtifactNames.ItemEmbeddings)).Columns);
    }

    [Fact]
    public void Members_report_their_progress_as_one_training_and_their_validations_apart()
    {
        var reports = new Collected<ProgressEvent>();
        var progress = new MembersProgress(2, reports);
        var metrics = new Dictionary<string, double> { ["ndcg@10"] = 0.07 };

        progress.Of(0).Report(new ProgressEvent { Fraction = 0.5, Epoch = 2, Loss = 5, SequencesPerSecond = 30 });
        progress.Of(1).Report(new ProgressEvent { Fraction = 0.3, Epoch = 1, Loss = 7, SequencesPerSecond = 28 });
        progress.Of(0).Report(new ProgressEvent { Fraction = 1, Epoch = 3, Loss = 4, SequencesPerSecond = 30, Metrics = metrics });
        progress.Of(1).Report(new ProgressEvent { Fraction = 0.4, Epoch = 2, Loss = 6, SequencesPerSecond = 29 });
        progress.Of(1).Report(new ProgressEvent { Message = "Starting over." });

        Assert.Equal(
            [
                new ProgressEvent { Fraction = 0.25, Epoch = 2, Loss = 5, SequencesPerSecond = 30 },
                new ProgressEvent { Fraction = 0.4, Epoch = 1, Loss = 6, SequencesPerSecond = 58 },
                new ProgressEvent { Fraction = 0.65, Epoch = 3, Loss = 4, SequencesPerSecond = 30, Metrics = metrics, Detail = "member 1 of 2" },
                new ProgressEvent { Fraction = 0.7, Epoch = 2, Loss = 6, SequencesPerSecond = 29 },
                new ProgressEvent { Message = "Starting over.", Detail = "member 2 of 2" },
            ],
            reports.Values);
    }

    private static float[] Cosines(RetrieverNetwork network)
    {
        using var encoder = new UserEncoder(network);
        using Tensor users = encoder.Encode([new[] { 1, 2, 3 }, new[] { 7 }]);
        using Tensor scores = encoder.Score(users);
        return scores.data<float>().ToArray();
    }

    private static IReadOnlyDictionary<string, NamedTensor> Trained(StepContext context) => Tensors(context.Workspace.RetrieverFolder);

    private static IReadOnlyDictionary<string, NamedTensor> Refitted(StepContext context) => Tensors(context.Workspace.RefitFolder);

    private static IEnumerable<(string, float[])> Values(IReadOnlyDictionary<string, NamedTensor> tensors) =>
        tensors.Values.Select(tensor => (tensor.Name, tensor.Values));
}
