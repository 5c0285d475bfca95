using NanoRecSys.Training.Ranking;

namespace NanoRecSys.UnitTests.Training.Export;

/// <summary>Which ranker is exported with which retriever.</summary>
[Collection(SeededTorch.Name)]
public sealed class RankerExportTests : FolderTests
{
    [Fact]
    public async Task A_ranker_trained_for_other_weights_is_left_out_regardless_of_file_times()
    {
        StepContext context = await TrainedAsync();
        string ranker = Path.Combine(context.Workspace.RankerFolder, ModelFolder.WeightsName);
        string retriever = Path.Combine(context.Workspace.RetrieverFolder, ModelFolder.WeightsName);

        File.SetLastWriteTimeUtc(ranker, DateTime.UtcNow.AddDays(-1)); // a copied file may have an older time
        Assert.True(RankerExport.IsOfThisRetriever(context.Workspace, data: null));

        using (RetrieverNetwork tower = ModelFolder.ReadRetriever(context.Workspace.RetrieverFolder, data: null))
        {
            ModelFolder.WriteRetriever(context.Workspace.RefitFolder, tower, "data", selected: ModelFolder.HashOf(context.Workspace.RetrieverFolder));
        }

        Assert.Equal(
            $"The ranker was trained for the selected retriever, not for its refit. Delete {context.Workspace.RefitFolder} to serve the two.",
            RankerExport.MismatchOf(context.Workspace, data: null));
        Directory.Delete(context.Workspace.RefitFolder, recursive: true);

        TwoTastes.ReplaceRetriever(context);
        File.SetLastWriteTimeUtc(retriever, DateTime.UtcNow.AddDays(-2));
        Assert.False(RankerExport.IsOfThisRetriever(context.Workspace, data: null));
        Assert.Contains("another retriever. Run 'mine-negatives' and 'train-ranker' again", RankerExport.MismatchOf(context.Workspace, data: null), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ranker_that_does_not_record_its_retriever_is_left_out_and_refused_with_the_remedy()
    {
        var progress = new Collected<ProgressEvent>();
        StepContext context = await TrainedAsync() with { Progress = progress };
        using (RankerNetwork network = ModelFolder.ReadRanker(context.Workspace.RankerFolder, data: null))
        {
            ModelFolder.Ranker.Write(context.Workspace.RankerFolder, network.Model with { RetrieverSha256 = null }, NetworkWeights.Of(network), Provenance.Imported);
        }

        ExportReport report = await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);
        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => EvaluateStep.RunAsync(new EvaluateOptions { Models = ["ranker"] }, context));

        Assert.Null(report.RankerSha256);
        Assert.Contains(progress.Values, value => value.Message == $"The ranker is left out. {e.Message}");
        Assert.StartsWith("The ranker does not record its retriever", e.Message, StringComparison.Ordinal);
        Assert.Contains("Run 'train-ranker' again", e.Message, StringComparison.Ordinal);
    }

    private async Task<StepContext> TrainedAsync()
    {
        StepContext context = await TwoTastes.PrepareAsync(Folder, "a");
        await MineNegativesStep.RunAsync(TwoTastes.Negatives, context);
        await TrainRankerStep.RunAsync(new TrainRankerOptions { Hidden = [8], Epochs = 1, Candidates = 10 }, context);
        return context;
    }
}
