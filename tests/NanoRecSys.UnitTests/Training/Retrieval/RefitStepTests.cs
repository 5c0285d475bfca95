using NanoRecSys.Training.Retrieval;
using static NanoRecSys.UnitTests.Fixtures.CircleWalks;

namespace NanoRecSys.UnitTests.Training.Retrieval;

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
