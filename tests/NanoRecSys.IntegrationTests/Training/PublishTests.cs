using System.Text.Json.Nodes;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Serving;
using NanoRecSys.Training.Data;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>Export, index and publish after a real training run on the sample.</summary>
public sealed class PublishTests(TrainedArtifacts trained) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(ArtifactNames.UserTower, 200)] // real histories
    [InlineData(ArtifactNames.Ranker, 20_000)] // 100 candidates of each
    public async Task An_exported_graph_matches_the_trained_network(string file, int cases)
    {
        ParityInfo parity = (await trained.VersionAsync()).Manifest.Parity[file];
        Assert.Equal(cases, parity.Cases);
        Assert.InRange(parity.MaxAbsDifference, 0, 1e-4);
    }

    [Fact]
    public async Task The_8_bit_graph_is_published_with_its_similarity_to_32_bits()
    {
        Manifest manifest = (await trained.VersionAsync()).Manifest;
        ParityInfo parity = manifest.Parity[ArtifactNames.UserTowerInt8];
        Assert.Equal(200, parity.Cases);
        Assert.InRange(parity.MeanCosine!.Value, 0.995, 0.999999); // 1 would mean the 32-bit graph under another name
        Assert.Equal(ArtifactNames.UserTowerInt8, manifest.UserTowerInt8!.File);
        Assert.Contains(ArtifactNames.UserTowerInt8, manifest.Files.Select(file => file.Name));
    }

    [Fact]
    public async Task Every_users_published_embedding_is_that_of_the_32_bit_graph()
    {
        ArtifactVersion version = await trained.VersionAsync();
        UserHistories histories = HistoriesFile.Read(version.Folder);
        using HalfRows users = HalfRows.Map(version.PathOf(version.Manifest.UserEmbeddings!));
        using var tower = new OnnxUserTower(version.PathOf(version.Manifest.UserTower.File), version.Manifest.Model);

        Assert.Equal((671, 16), (users.Count, users.Columns));
        foreach (int user in new[] { 0, 335, 670 })
        {
            float[] expected = tower.Encode(histories.MemoryAt(user));
            Assert.All(expected.Zip(users.Row(user)), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
        }
    }

    [Fact]
    public async Task If_32_bits_would_take_minutes_users_are_encoded_by_the_fastest_graph()
    {
        ArtifactVersion version = await trained.VersionAsync();
        UserHistories histories = HistoriesFile.Read(version.Folder);
        StepContext context = new(new Workspace(new ArtifactStore(_folder.Path), "data"), Seed: 1, new Progress<ProgressEvent>(), TestContext.Current.CancellationToken);

        UserEmbeddingsFile.Write(_folder.File("users.npy"), version, histories, context, many: 0);

        using HalfRows users = HalfRows.Map(_folder.File("users.npy"));
        using OnnxUserTower tower = UserTowers.OpenFastest(version);
        foreach (int user in new[] { 0, 335, 670 })
        {
            Assert.All(tower.Encode(histories.MemoryAt(user)).Zip(users.Row(user)), pair => Assert.Equal(pair.First, pair.Second, 1e-3f));
        }
    }

    [Fact]
    public async Task A_ranker_that_is_not_better_is_left_out_with_its_files()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        PublishSummary summary = await PublishStep.RunAsync(new PublishOptions(), context);
        Manifest manifest = context.Workspace.Store.Open(summary.Version).Manifest;
        Assert.False(summary.HasRanker);
        Assert.Contains("Run 'evaluate --split both' first", summary.Ranker, StringComparison.Ordinal);
        Assert.Null(manifest.Ranker);
        Assert.DoesNotContain(ArtifactNames.Ranker, manifest.Files.Select(file => file.Name));
        Assert.DoesNotContain(ArtifactNames.Ranker, manifest.Parity.Keys);
    }

    [Fact]
    public async Task A_ranker_of_another_retriever_is_not_exported()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        string path = Path.Combine(context.Workspace.RankerFolder, "ranker.json");
        JsonNode ranker = JsonNode.Parse(File.ReadAllText(path))!;
        ranker["retriever_sha256"] = new string('0', 64);
        File.WriteAllText(path, ranker.ToJsonString());
        ExportReport report = await ExportStep.RunAsync(new ExportOptions(), context);
        Assert.Equal([ArtifactNames.UserTower, ArtifactNames.UserTowerInt8], report.Parity.Keys);
        Assert.False(File.Exists(Path.Combine(context.Workspace.ExportFolder, ArtifactNames.Ranker)));
    }

    [Fact]
    public async Task The_manifest_describes_the_data_the_model_and_the_graph()
    {
        Manifest manifest = (await trained.VersionAsync()).Manifest;
        Assert.Equal(("movielens-small", 671, 9066, 100_004, "all"),
            (manifest.Dataset.Name, manifest.Dataset.Users, manifest.Dataset.Items, manifest.Dataset.Interactions, manifest.Dataset.ServeSplit));
        Assert.Equal((16, 2, 9066), (manifest.Model.Dimension, manifest.Model.Blocks, manifest.Model.Items));
        Assert.Equal(["batch", "length"], Assert.Single(manifest.UserTower.Inputs).Shape);
        Assert.Equal(["batch", "16"], Assert.Single(manifest.UserTower.Outputs).Shape);
        Assert.Equal(["user_embedding", "item_embeddings", "popularity", "year", "genres", "unknown"], manifest.Ranker!.Onnx.Inputs.Select(input => input.Name));
        Assert.Equal(["candidates", $"{manifest.Ranker.Items.Categories.Count}"], manifest.Ranker.Onnx.Inputs[4].Shape);
        Assert.Equal(("flat", 1.0, 1.0), (manifest.Index.Kind, manifest.Index.RecallAt10, manifest.Index.RecallAt100));
    }

    [Fact]
    public async Task Catalog_histories_embeddings_and_index_agree()
    {
        ArtifactVersion version = await trained.VersionAsync();
        Catalog catalog = await CatalogFile.ReadAsync(version.PathOf(ArtifactNames.Catalog), TestContext.Current.CancellationToken);
        UserHistories histories = HistoriesFile.Read(version.Folder);
        (float[] items, int width) = NpyFile.Read(version.PathOf(ArtifactNames.ItemEmbeddings));
        var index = Assert.IsType<FlatIndex>(FaissFile.Read(version.PathOf(ArtifactNames.Index)));

        Assert.Equal(100_004, catalog.Items.Sum(item => (long)item.Count));
        Assert.Equal(100_004, histories.InteractionCount);
        Assert.Equal(items, index.Vectors);
        Assert.Equal(9066 * width, items.Length);
        Assert.Equal(1, items.Take(width).Sum(value => (double)value * value), 1e-5);
    }

    [Fact]
    public async Task Serving_the_train_split_leaves_the_last_two_items_of_each_user_out()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        PublishSummary summary = await PublishStep.RunAsync(new PublishOptions { ServeSplit = ServeSplit.Train }, context);

        ArtifactVersion version = context.Workspace.Store.Open(summary.Version);
        UserHistories served = HistoriesFile.Read(version.Folder);
        UserHistories whole = (await PreparedData.LoadAsync(context.Workspace.DataFolder, context.Cancellation)).Histories;
        Assert.Equal("train", version.Manifest.Dataset.ServeSplit);
        Assert.Equal(whole.Users.ToArray(), served.Users.ToArray());
        for (int user = 0; user < whole.UserCount; user++)
        {
            Assert.Equal(whole.At(user)[..^2], served.At(user));
        }

        Catalog catalog = await CatalogFile.ReadAsync(version.PathOf(ArtifactNames.Catalog), context.Cancellation);
        Assert.Equal(served.InteractionCount, catalog.Items.Sum(item => (long)item.Count));
        Assert.Equal(summary.Version, context.Workspace.Store.ReadCurrent());
    }

    [Fact]
    public async Task Weights_that_changed_after_the_export_are_not_published()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        string path = Path.Combine(context.Workspace.RetrieverFolder, "weights.safetensors");
        Dictionary<string, NamedTensor> weights = new(SafetensorsFile.Read(path));
        weights["norm.weight"].Values[0] += 1;
        SafetensorsFile.Write(path, weights.Values, SafetensorsFile.ReadMetadata(path));
        await AssertRefusedAsync(context, "was made with another retriever. Run 'export' and 'index' again.");
    }

    [Theory]
    [InlineData("parity.json", "Run 'export' first")]
    [InlineData("index.json", "Run 'index' first")]
    [InlineData("user_tower.onnx", "Run 'export' and 'index' again")]
    [InlineData("items.index", "items.index disappeared after 'index' wrote it. Run 'index' again.")]
    [InlineData("item_embeddings.npy", "Run 'export' and 'index' again")]
    public async Task What_is_missing_is_named_with_the_command_that_creates_it(string file, string remedy)
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        File.Delete(Path.Combine(context.Workspace.ExportFolder, file));
        await AssertRefusedAsync(context, remedy);
    }

    [Fact]
    public async Task An_export_without_parity_is_not_published()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        string path = Path.Combine(context.Workspace.ExportFolder, "parity.json");
        string report = File.ReadAllText(path);
        File.WriteAllText(path, System.Text.RegularExpressions.Regex.Replace(report, "\"max_abs_difference\": [^,]+", "\"max_abs_difference\": 0.01"));
        await AssertRefusedAsync(context, "user_tower.onnx has not been verified against the trained network (0.01)");
    }

    [Fact]
    public async Task An_index_that_changed_after_it_was_written_is_not_published()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        FaissFile.Write(Path.Combine(context.Workspace.ExportFolder, "items.index"), new FlatIndex(new float[9066 * 8], 8));
        await AssertRefusedAsync(context, "items.index changed after 'index' wrote it. Run 'index' again.");
    }

    [Fact]
    public async Task A_retriever_of_other_data_is_not_exported()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        string path = Path.Combine(context.Workspace.RetrieverFolder, "weights.safetensors");
        string model = Path.Combine(context.Workspace.RetrieverFolder, "model.json");
        File.WriteAllText(model, File.ReadAllText(model).Replace("\"items\": 9066", "\"items\": 9065", StringComparison.Ordinal));
        Dictionary<string, NamedTensor> weights = new(SafetensorsFile.Read(path));
        weights["embedding.weight"] = new NamedTensor("embedding.weight", [9065, 16], weights["embedding.weight"].Values[..(9065 * 16)]);
        SafetensorsFile.Write(path, weights.Values, new Dictionary<string, string> { [Provenance.Data] = Provenance.Imported });

        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => ExportStep.RunAsync(new ExportOptions(), context));
        Assert.Contains("trained on 9065 items, the prepared data has 9066", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_kind_of_index_is_an_error_that_names_the_known_ones()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() => IndexStep.RunAsync(new IndexOptions { Kind = "kd-tree" }, context));
        Assert.Equal("Unknown index kind 'kd-tree'. Kinds: flat, ivf-flat, ivf-sq8, ivf-pq, hnsw, auto.", error.Message);
    }

    private async Task AssertRefusedAsync(StepContext context, string reason)
    {
        string? before = context.Workspace.Store.ReadCurrent();
        UserErrorException e = await Assert.ThrowsAsync<UserErrorException>(() => PublishStep.RunAsync(new PublishOptions(), context));
        Assert.Contains(reason, e.Message, StringComparison.Ordinal);
        Assert.Equal(before, context.Workspace.Store.ReadCurrent());
        Assert.Empty(Directory.EnumerateDirectories(context.Workspace.Store.VersionsFolder, ".*"));
        Assert.StartsWith(_folder.Path, context.Workspace.Store.Root, StringComparison.Ordinal);
    }
}
