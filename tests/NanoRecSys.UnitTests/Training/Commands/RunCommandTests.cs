using NanoRecSys.Core;
using NanoRecSys.Core.Progress;
using NanoRecSys.Training.Commands;
using NanoRecSys.Training.Import;

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

public sealed class ImportCommandTests : FolderTests
{
    private static readonly ModelInfo Model = new("transformer", 16, 2, 2, 32, 50, 9066, 500, 0, "imported", 0.05);

    [Fact]
    public async Task Imported_weights_go_from_prepare_to_a_published_version_of_the_sample()
    {
        string artifacts = Folder.File("artifacts");
        await RunAsync("prepare", "--artifacts", artifacts);
        Catalog prepared = await CatalogFile.ReadAsync(Path.Combine(artifacts, "data", "movielens-small", "catalog.parquet"), TestContext.Current.CancellationToken);
        EntityId[] ids = [.. RetrieverItems.Ids(prepared).OrderBy(id => id, Comparer<EntityId>.Create(EntityId.Compare))];
        ItemMapFile.Write(Folder.File("map.txt"), ids);
        IReadOnlyDictionary<string, NamedTensor> weights = RandomWeights.Tower(Model).Weights;
        PthWriter.Write(Folder.File("tower.pth"), weights.Values);

        string imported = await RunAsync(
            "import", "--user-tower", Folder.File("tower.pth"), "--heads", "2", "--max-length", "50", "--item-map", Folder.File("map.txt"), "--artifacts", artifacts, "--json");
        string evaluated = await RunAsync("evaluate", "retriever", "--split", "validation", "--artifacts", artifacts, "--json");
        await RunAsync("export", "--parity-histories", "20", "--artifacts", artifacts);
        string exported = await RunAsync("export", "--format", "safetensors", "--artifacts", artifacts, "--json");
        await RunAsync("index", "--artifacts", artifacts);
        await RunAsync("publish", "--artifacts", artifacts);

        Assert.Equal(Model, JsonDocument.Parse(imported).RootElement.GetProperty("user_tower").Deserialize(CoreJson.Indented.ModelInfo));
        Assert.Contains("\"users\":671,\"items\":9066,", evaluated, StringComparison.Ordinal);
        string safetensors = JsonDocument.Parse(exported).RootElement.GetProperty("files")[0].GetString()!;
        Assert.Equal(weights["embedding.weight"].Values, SafetensorsFile.Read(safetensors)["embedding.weight"].Values);

        var store = new ArtifactStore(artifacts);
        ArtifactVersion version = store.Open(store.ReadCurrent()!);
        Catalog served = await CatalogFile.ReadAsync(version.PathOf(ArtifactNames.Catalog), TestContext.Current.CancellationToken);
        Assert.Equal(Model, version.Manifest.Model);
        Assert.Equal(ids, RetrieverItems.Ids(served));
        Assert.Equal(100_004, served.Items.Sum(item => (long)item.Count));
        Assert.Equal("Toy Story", served.Items[0].Title);
        AssertIsDirectionOf(weights["embedding.weight"].Values[^16..], NpyFile.Read(version.PathOf(ArtifactNames.ItemEmbeddings)).Values[^16..]);
    }

    [Theory]
    [InlineData("import", "Set --user-tower, --ranker or both.")]
    [InlineData("import --user-tower nowhere.pth", "--user-tower: file not found: nowhere.pth. See import --help.")]
    [InlineData("import --heads 0", "--heads must be 1 or more, not 0. See import --help.")]
    [InlineData("import --rope-base 1", "--rope-base must be more than 1, not 1. See import --help.")]
    [InlineData("export --format pickle", "Argument 'pickle' not recognized. Must be one of: 'onnx' 'safetensors' See export --help.")]
    public async Task A_bad_command_line_is_one_line(string line, string expected)
    {
        using var error = new StringWriter();
        int exit = await CommandLine.RunAsync([.. line.Split(' '), "--artifacts", Folder.File("artifacts")], TextWriter.Null, error, TestContext.Current.CancellationToken);
        Assert.Equal(CommandLine.Failure, exit);
        Assert.Equal(expected, error.ToString().Trim());
    }

    /// <summary>Runs a command that must succeed, and returns its output.</summary>
    private static async Task<string> RunAsync(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        int exit = await CommandLine.RunAsync(args, output, error, TestContext.Current.CancellationToken);
        Assert.True(exit == 0, $"{args[0]}: {error}");
        return output.ToString();
    }

    private static void AssertIsDirectionOf(float[] vector, float[] direction)
    {
        double length = Math.Sqrt(vector.Sum(value => (double)value * value));
        Assert.All(vector.Zip(direction), pair => Assert.Equal(pair.First / length, pair.Second, 1e-6));
    }
}
