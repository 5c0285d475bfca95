using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NanoRecSys.Api.Serving;
using NanoRecSys.Core.Retrieval;
using NanoRecSys.Core.Serving;

namespace NanoRecSys.IntegrationTests.Training;

/// <summary>Every kind of index, from the <c>index</c> command to an answer of the API.</summary>
public sealed class IndexKindsTests(TrainedArtifacts trained) : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(IndexKinds.IvfFlat, "nlist nprobe")]
    [InlineData(IndexKinds.IvfScalar, "nlist nprobe")]
    [InlineData(IndexKinds.IvfProduct, "nlist m nprobe")]
    [InlineData(IndexKinds.Hnsw, "m ef_search")]
    public async Task A_kind_is_tuned_to_the_recall_recorded_and_served(string kind, string parameters)
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        double recall = kind == IndexKinds.IvfProduct ? 0.4 : 0.8; // codes of 8 bytes lose recall that no search width restores
        IndexInfo built = await IndexStep.RunAsync(new IndexOptions { Kind = kind, Parts = 8, Recall = recall }, context);
        Assert.Equal((kind, parameters), (built.Kind, string.Join(' ', built.Parameters.Keys)));
        Assert.InRange(built.RecallAt100, recall, 1);
        Assert.True(built.LatencyMs > 0);

        PublishSummary published = await PublishStep.RunAsync(new PublishOptions(), context);
        Assert.Equal(built.RecallAt100, context.Workspace.Store.Open(published.Version).Manifest.Index.RecallAt100);
        await using ApiServer api = await ApiServer.StartAsync(context.Workspace.Store);
        JsonElement index = (await api.StatusAsync()).GetProperty("faiss");
        Assert.Equal((kind, "managed"), (index.GetProperty("loaded_index_type").GetString(), index.GetProperty("engine").GetString()));
        Assert.Equal(10, (await api.PostAsync("/recommend", """{"user_id": 1}""")).GetProperty("movie_ids").GetArrayLength());
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData(1, 0.9)]
    public async Task A_recall_that_is_not_reached_is_refused_and_the_previous_index_stays(int? width, double? recall)
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        IndexInfo flat = await IndexStep.RunAsync(new IndexOptions(), context);

        UserErrorException error = await Assert.ThrowsAsync<UserErrorException>(() =>
            IndexStep.RunAsync(new IndexOptions { Kind = IndexKinds.IvfProduct, Parts = 4, Width = width, Recall = recall }, context));

        Assert.Contains("The ivf-pq index finds ", error.Message, StringComparison.Ordinal);
        Assert.Contains($"--recall asks for {(recall ?? 0.95) * 100:0.0}", error.Message, StringComparison.Ordinal);
        PublishSummary published = await PublishStep.RunAsync(new PublishOptions(), context);
        Assert.Equal(flat.Kind, context.Workspace.Store.Open(published.Version).Manifest.Index.Kind);
        Assert.Equal(IndexKinds.IvfProduct, (await IndexStep.RunAsync(new IndexOptions { Kind = IndexKinds.IvfProduct, Parts = 4, Width = 1 }, context)).Kind);
    }

    [Fact]
    public async Task A_small_catalog_gets_a_flat_index_by_default()
    {
        StepContext context = await trained.CopyAsync(_folder.Path);
        IndexInfo built = await IndexStep.RunAsync(new IndexOptions { Kind = IndexOptions.Auto }, context);
        Assert.Equal((IndexKinds.Flat, 1.0), (built.Kind, built.RecallAt100));
    }

    [Fact]
    public async Task The_configured_engine_is_used_or_the_version_refused_with_the_remedy()
    {
        ArtifactStore store = await trained.StoreAsync();
        string version = (await trained.VersionAsync()).Manifest.ModelVersion;
        var loader = new ModelLoader(
            store, Options.Create(new ModelsOptions()), Options.Create(new IndexEngineOptions { Engine = IndexEngines.Faiss }), NullLogger<ModelLoader>.Instance);
        if (FaissLibrary.IsAvailable)
        {
            ModelSnapshot snapshot = await loader.LoadAsync(version, TestContext.Current.CancellationToken);
            Assert.Equal((IndexEngines.Faiss, IndexKinds.Flat), (snapshot.Index.Engine, snapshot.Index.Kind));
        }
        else
        {
            ArtifactException e = await Assert.ThrowsAsync<ArtifactException>(() => loader.LoadAsync(version, TestContext.Current.CancellationToken));
            Assert.Contains(FaissLibrary.PathVariable, e.Message, StringComparison.Ordinal);
        }
    }
}
