using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Evaluation;
using NanoRecSys.Core.Progress;
using NanoRecSys.Training.Commands;
using NanoRecSys.UnitTests.Fixtures;

namespace NanoRecSys.UnitTests.Training.Commands;

[Collection(SeededTorch.Name)]
public sealed class RunCommandTests : FolderTests
{
    [Fact]
    public async Task Run_on_sparse_data_publishes_the_refit_without_a_ranker()
    {
        // Eighty users with six items of forty each.
        IEnumerable<string> rows = Enumerable.Range(0, 80).SelectMany(user => Enumerable.Range(0, 6).Select(t => $"{user},{1 + (user + t) % 40},5,{t}"));
        await File.WriteAllLinesAsync(Folder.File("ratings.csv"), rows, TestContext.Current.CancellationToken);
        using var output = new StringWriter();
        using var error = new StringWriter();
        var store = new ArtifactStore(Folder.File("artifacts"));

        int exit = await CommandLine.RunAsync(
            ["run", "--preset", "sparse", "--data", Folder.Path, "--artifacts", store.Root, "--threads", "1"], output, error, TestContext.Current.CancellationToken);

        Assert.True(exit == 0, error.ToString());
        Manifest manifest = ManifestFile.Read(store.FolderOf(store.ReadCurrent()!));
        Assert.Null(manifest.Ranker);
        EvaluationResult[] figures = [.. manifest.Metrics.Where(result => result.Model == "retriever")];
        Assert.Equal([("test", true), ("validation", null)], figures.Select(result => (result.Split, result.Refit)).Order());
        IReadOnlyList<ProgressEvent> progress = ProgressLog.Read(Directory.GetDirectories(store.RunsFolder).Single());
        Assert.Equal(
            ["prepare", "train-retriever", "refit", "evaluate", "export", "index", "publish"], progress.Select(report => report.Stage).Distinct());
        Assert.Equal((7, 7), (progress[^1].StageNumber, progress[^1].StageCount));
    }
}
