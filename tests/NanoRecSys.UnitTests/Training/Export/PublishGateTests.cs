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

public sealed class ParityTests
{
    [Theory]
    [InlineData(0.99e-4, true)]
    [InlineData(1.01e-4, false)]
    [InlineData(double.NaN, false)]
    public void A_graph_in_32_bits_is_judged_by_its_largest_difference(double difference, bool holds) =>
        Assert.Equal(holds, Parity.Holds(new ParityInfo(difference, 1, Parity.Tolerance)));

    [Theory]
    [InlineData(0.9951, true)]
    [InlineData(0.9949, false)]
    [InlineData(double.NaN, false)]
    public void A_graph_in_8_bits_is_judged_by_its_mean_cosine(double cosine, bool holds) =>
        Assert.Equal(holds, Parity.Holds(new ParityInfo(0.3, 1, 1 - Parity.LeastMeanCosine) { MeanCosine = cosine }));
}

public sealed class PublishedWordTests
{
    [Theory]
    [InlineData("movielens-small", "films")]
    [InlineData("ml-1m-sequences", "films")]
    [InlineData("Beauty", null)]
    [InlineData("html-articles", null)]
    public void Items_of_MovieLens_are_called_films_and_others_items(string dataset, string? plural) =>
        Assert.Equal(plural is null ? null : new ItemWord("film", plural), PublishStep.WordOf(dataset));
}

public sealed class ServedHistoriesTests
{
    private static readonly Catalog Catalog = new([new(0, 10, "viewed", [], 0), new(1, 11, "bought", [], 0), new(2, 12, "held out", [], 0)]);

    // Each user viewed item 0 twice, the first bought item 1; the last two items of each are held out.
    private static readonly UserHistories Weighted = new(
        [1, 2], [0, 5, 9], [0, 0, 1, 2, 2, 0, 0, 2, 2], [1, 2, 3, 4, 5, 1, 2, 3, 4], [0.25f, 0.25f, 4, 1, 1, 0.25f, 0.25f, 1, 1]);

    [Fact]
    public void Counts_are_of_interactions_and_weights_are_sums()
    {
        Catalog counted = ServedHistories.Count(Data(Weighted), Weighted);

        Assert.Equal([4, 1, 4], counted.Items.Select(item => item.Count));
        Assert.Equal([1, 4, 4], counted.Items.Select(item => item.Popularity));
    }

    [Fact]
    public void Without_weights_popularity_is_the_count()
    {
        var histories = new UserHistories([1], [0, 2], [1, 1]);

        Catalog counted = ServedHistories.Count(Data(histories), histories);

        Assert.All(counted.Items, item => Assert.Null(item.Weight));
        Assert.Equal([0, 2, 0], counted.Items.Select(item => item.Popularity));
    }

    [Fact]
    public void Histories_truncated_to_the_training_part_keep_their_weights()
    {
        UserHistories served = ServedHistories.Of(Data(Weighted), ServeSplit.Train);

        Assert.Equal([0, 0, 1, 0, 0], served.Items);
        Assert.Equal([0.25f, 0.25f, 4, 0.25f, 0.25f], served.Weights);
    }

    [Fact]
    public void Popularity_baseline_counts_weights_rather_than_frequencies()
    {
        var scores = new float[3];

        new Popularity(Data(Weighted).TrainWeights()).Score([new[] { 0 }], scores);

        Assert.Equal([1, 4, 0], scores);
    }

    private static PreparedData Data(UserHistories histories) => new(null!, Catalog, new LeaveOneOut(histories), [4, 1, 0]);
}
