using NanoRecSys.Core.Progress;
using NanoRecSys.Training.Commands;

namespace NanoRecSys.UnitTests.Training.Commands;

[Collection(SeededTorch.Name)]
public sealed class RunCommandTests : FolderTests
{
    [Fact]
    public async Task Run_on_sparse_data_publishes_the_refit_without_a_ranker()
    {
        await WriteWalksAsync();
        var store = new ArtifactStore(Folder.File("artifacts"));

        (int exit, string text) = await RunAsync(store.Root);

        Assert.True(exit == 0, text);
        Manifest manifest = ManifestFile.Read(store.FolderOf(store.ReadCurrent()!));
        Assert.Null(manifest.Ranker);
        EvaluationResult[] figures = [.. manifest.Metrics.Where(result => result.Model == "retriever")];
        Assert.Equal([("test", true), ("validation", null)], figures.Select(result => (result.Split, result.Refit)).Order());
        IReadOnlyList<ProgressEvent> progress = ProgressLog.Read(Directory.GetDirectories(store.RunsFolder).Single());
        Assert.Equal(
            ["prepare", "train-retriever", "refit", "evaluate", "export", "index", "publish"], progress.Select(report => report.Stage).Distinct());
        Assert.Equal((7, 7), (progress[^1].StageNumber, progress[^1].StageCount));
    }

    [Fact]
    public async Task Run_on_the_quick_preset_publishes_the_winner_of_the_race()
    {
        await WriteWalksAsync();
        string artifacts = Folder.File("artifacts");

        (int exit, string text) = await RunAsync(artifacts, preset: "quick");

        Assert.True(exit == 0, text);
        var store = new ArtifactStore(artifacts);
        Manifest manifest = ManifestFile.Read(store.FolderOf(store.ReadCurrent()!));
        Assert.Equal(["blend", "item-knn", "popularity", "ranker", "retriever"], manifest.Race!.Figures.Keys.Order());
        Assert.StartsWith("ease is left out: this preset", Assert.Single(manifest.Race.Notes), StringComparison.Ordinal);
        string chosen = manifest.Race.Figures.Single(candidate => candidate.Value.IsChosen).Key;
        Assert.Equal((chosen == "ranker", chosen is "item-knn" or "blend"), (manifest.Ranker is not null, manifest.Blend is not null and not []));
        Assert.NotEqual("popularity", chosen);
        Assert.All(manifest.Race.Figures.Values, figures => Assert.True(figures.BehindInterval.High >= 0)); // not significantly behind any
        Assert.Equal(
            ["prepare", "train-retriever", "mine-negatives", "train-ranker", "race", "evaluate", "export", "index", "publish"],
            ProgressLog.Read(Directory.GetDirectories(store.RunsFolder).Single()).Select(report => report.Stage).Distinct());
    }

    [Fact]
    public async Task An_interrupted_run_continues_with_the_result_of_an_uninterrupted_one()
    {
        await WriteWalksAsync();
        string artifacts = Folder.File("broken");

        (int exit, string text) = await RunAsync(artifacts, interruptAt: "| epoch 2 ");
        Assert.Equal((CommandLine.Cancelled, "Cancelled. Run the same command again to continue."), (exit, text.Trim().Split('\n')[^1].Trim()));
        (exit, text) = await RunAsync(artifacts, interruptAt: "refit:");
        Assert.Equal(CommandLine.Cancelled, exit);
        Assert.Contains("Continuing the interrupted run after prepare, in train-retriever.", text, StringComparison.Ordinal);
        Assert.Matches("Continuing after epoch [12]\\.", text);
        (exit, text) = await RunAsync(artifacts);
        Assert.Equal(0, exit);
        Assert.Contains("Continuing the interrupted run after prepare, train-retriever, in refit.", text, StringComparison.Ordinal);
        (_, string whole) = await RunAsync(Folder.File("whole"));

        Assert.DoesNotContain("Continuing", whole, StringComparison.Ordinal);
        Assert.Equal(ServedTower(Folder.File("whole")), ServedTower(artifacts));
        Assert.DoesNotContain("Continuing", (await RunAsync(artifacts)).Text, StringComparison.Ordinal);
    }

    // Eighty users with six of forty items each.
    private Task WriteWalksAsync() => File.WriteAllLinesAsync(
        Folder.File("ratings.csv"), Enumerable.Range(0, 80).SelectMany(user => Enumerable.Range(0, 6).Select(t => $"{user},{1 + (user + t) % 40},5,{t}")),
        TestContext.Current.CancellationToken);

    private static string ServedTower(string artifacts)
    {
        var store = new ArtifactStore(artifacts);
        return FileHash.Of(store.Open(store.ReadCurrent()!).PathOf(ArtifactNames.UserTower));
    }

    private async Task<(int Exit, string Text)> RunAsync(string artifacts, string? interruptAt = null, string preset = "sparse")
    {
        using var interrupt = new CancellationTokenSource();
        await using var output = new InterruptingWriter(interruptAt, interrupt);
        int exit = await CommandLine.RunAsync(
            ["run", "--preset", preset, "--data", Folder.Path, "--artifacts", artifacts, "--threads", "1"], output, output, interrupt.Token);
        return (exit, output.ToString());
    }

    private sealed class InterruptingWriter(string? text, CancellationTokenSource interrupt) : StringWriter
    {
        public override void WriteLine(string? value)
        {
            base.WriteLine(value);
            if (text is not null && value?.Contains(text, StringComparison.Ordinal) == true)
            {
                interrupt.Cancel();
            }
        }
    }
}
