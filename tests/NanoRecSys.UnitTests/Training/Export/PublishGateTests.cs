using Microsoft.Extensions.Options;
using NanoRecSys.Api.Serving;
using NanoRecSys.Training.Retrieval;

namespace NanoRecSys.UnitTests.Training.Export;

/// <summary>A version that is significantly worse than the served one is stored but not served.</summary>
public sealed class PublishGateTests : FolderTests
{
    [Fact]
    public async Task A_significantly_worse_version_is_stored_with_its_figures_and_served_only_if_forced()
    {
        StepContext context = await CircleWalks.PrepareAsync(Folder, "circle");
        ArtifactStore store = context.Workspace.Store;
        string good = (await PublishAsync(context, CircleWalks.Options, new PublishOptions())).Version;

        var refusal = await Assert.ThrowsAsync<UserErrorException>(() => PublishAsync(context, Untrained, new PublishOptions()));

        Assert.Equal(good, store.ReadCurrent());
        string worse = Assert.Single(store.ListVersions(), version => version != good);
        GateResult gate = store.ReadManifest(worse).Gate!;
        Assert.Equal((good, CircleWalks.Users, true), (gate.Version, gate.Users, gate.Refused));
        Assert.True(gate.Served > 0.9 && gate.High < 0 && gate.Low < gate.High, gate.ToString());
        Assert.StartsWith($"Version {worse} is stored but not served, because it is significantly worse. NDCG@10 of 60 validation users: ", refusal.Message, StringComparison.Ordinal);
        Assert.EndsWith("Publish with --force to serve it anyway.", refusal.Message, StringComparison.Ordinal);

        PublishSummary forced = await PublishStep.RunAsync(new PublishOptions { Force = true }, context);

        Assert.Equal((worse, worse), (forced.Version, store.ReadCurrent()));
        Assert.Null(store.ReadManifest(worse).Gate);

        new ModelVersions(store, null!, Options.Create(new ModelsOptions())).Rollback();
        PublishSummary allowed = await PublishStep.RunAsync(new PublishOptions { AllowedLoss = 0.9 }, context);

        Assert.Equal((worse, worse), (allowed.Version, store.ReadCurrent()));
        Assert.True(allowed.Gate is { Refused: false, High: < 0 });
    }

    [Fact]
    public async Task Rolling_back_skips_a_refused_version()
    {
        StepContext context = await CircleWalks.PrepareAsync(Folder, "circle");
        ArtifactStore store = context.Workspace.Store;
        string first = (await PublishAsync(context, CircleWalks.Options, new PublishOptions())).Version;
        await Assert.ThrowsAsync<UserErrorException>(() => PublishAsync(context, Untrained, new PublishOptions()));
        string third = (await PublishAsync(context with { Seed = 8 }, CircleWalks.Options, new PublishOptions())).Version;
        Assert.Equal(third, store.ReadCurrent());

        new ModelVersions(store, null!, Options.Create(new ModelsOptions())).Rollback();

        Assert.Equal(first, store.ReadCurrent());
    }

    private static TrainRetrieverOptions Untrained => CircleWalks.Options with { Epochs = 1, LearningRate = 1e-9 };

    private static async Task<PublishSummary> PublishAsync(StepContext context, TrainRetrieverOptions retriever, PublishOptions publish)
    {
        await TrainRetrieverStep.RunAsync(retriever, context);
        await ExportStep.RunAsync(new ExportOptions { ParityHistories = 5 }, context);
        await IndexStep.RunAsync(new IndexOptions(), context);
        return await PublishStep.RunAsync(publish, context);
    }
}
