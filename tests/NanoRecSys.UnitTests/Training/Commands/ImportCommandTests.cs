using NanoRecSys.Core;
using NanoRecSys.Training.Commands;
using NanoRecSys.Training.Import;

namespace NanoRecSys.UnitTests.Training.Commands;

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
