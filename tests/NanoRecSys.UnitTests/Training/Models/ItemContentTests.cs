using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static NanoRecSys.UnitTests.Fixtures.CircleWalks;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Models;

[Collection(SeededTorch.Name)]
public sealed class ItemContentTests : FolderTests
{
    private static readonly ModelInfo Model = new("transformer", 8, 1, 2, 16, 6, 4, 500, 0, "full-softmax", 0.1);

    // Items 0 and 1 are red, 1 and 2 are round; item 3 has no metadata.
    private static readonly Catalog Catalog = new([
        new(0, 10, "", ["red"], 1), new(1, 11, "", ["red", "round"], 1), new(2, 12, "", ["round"], 1), new(3, 13, "", [], 1),
    ]);

    [Fact]
    public void Its_gradient_is_the_sum_over_the_items_with_the_feature()
    {
        using UserTower tower = Create();
        using SequenceBatch batch = SequenceBatch.Create(
            [new SequenceWindow(0, 0, 3)], new LeaveOneOut(new UserHistories([1], [0, 5], [0, 1, 3, 2, 2])), hasTimes: false, CPU);

        RetrieverTrainer.Backward(tower, batch, new FullSoftmaxLoss(Model.Temperature));

        float[][] items = [.. Gradient(tower, UserTower.ItemTableName).Chunk(Model.Dimension)];
        float[][] features = [.. Gradient(tower, "content.weight").Chunk(Model.Dimension)];
        float half = 1 / MathF.Sqrt(2); // item 1 has two categories
        Assert.Equal(3, features.Length); // the unused constant and two categories
        Assert.All(features[0], value => Assert.Equal(0, value));
        Assert.All(items[0].Zip(items[1], features[1]), at => Assert.Equal(at.First + half * at.Second, at.Third, 1e-5f));
        Assert.All(items[2].Zip(items[1], features[2]), at => Assert.Equal(at.First + half * at.Second, at.Third, 1e-5f));
    }

    [Fact]
    public void The_written_weights_have_the_content_in_the_item_table()
    {
        using UserTower tower = Create();
        ModelFolder.WriteRetriever(Folder.Path, tower, Provenance.Imported);

        using RetrieverNetwork read = ModelFolder.ReadRetriever(Folder.Path, data: null);

        Assert.Equal(Values(tower.ItemEmbeddings()), Values(read.ItemEmbeddings()));
        using SequencePack pack = SequencePack.Of([new[] { 0, 1, 3 }], Model.MaxLength, CPU);
        Assert.Equal(Values(tower.forward(pack)), Values(read.forward(pack)));
        using var without = new UserTower(Model);
        Assert.Equal(without.Weights().Select(tensor => tensor.Name), read.Weights().Select(tensor => tensor.Name));
    }

    [Fact]
    public void Written_weights_are_continued_with_content()
    {
        using UserTower first = Create(), second = Create();

        second.Load(first.Weights().ToDictionary(tensor => tensor.Name));

        Assert.Equal(Values(first.ItemEmbeddings()), Values(second.ItemEmbeddings()));
    }

    [Fact]
    public void Items_without_metadata_have_no_content() =>
        Assert.Null(ItemContent.FeaturesOf(new Catalog([new(0, 10, "", [], 1), new(1, 11, "", [], 1)]), CPU));

    [Fact]
    public async Task A_training_with_content_is_refitted_and_continued_by_the_final_fit()
    {
        StepContext context = await PrepareAsync(Folder, "a", hasCategories: true);

        TrainRetrieverSummary summary = await TrainRetrieverStep.RunAsync(Options with { ItemContent = true }, context);
        await RefitStep.RunAsync(context);
        await FinalFitStep.RunAsync(new FinalFitOptions { Epochs = 1 }, context);

        Assert.True(summary.Validation["ndcg@10"] > 0.8, $"NDCG@10 {summary.Validation["ndcg@10"]}");
        using RetrieverNetwork refitted = ModelFolder.ReadRetriever(context.Workspace.RefitFolder, data: null), continued = ModelFolder.ReadRetriever(context.Workspace.FinalFolder, data: null);
        float[] before = Values(refitted.ItemEmbeddings()), after = Values(continued.ItemEmbeddings());
        Assert.NotEqual(before, after);
        Assert.True(before.Zip(after).Sum(pair => pair.First * pair.Second) > 0.8 * Items, "the final fit began with other weights");
    }

    private static UserTower Create() => new(Model, embeddingStd: 1, ItemContent.FeaturesOf(Catalog, CPU));

    private static float[] Gradient(UserTower tower, string name)
    {
        Parameter parameter = tower.named_parameters().Single(each => each.name == name).parameter;
        return [.. parameter.grad!.contiguous().data<float>()];
    }

    private static float[] Values(Tensor tensor)
    {
        using (tensor)
        {
            return [.. tensor.detach().contiguous().data<float>()];
        }
    }
}
