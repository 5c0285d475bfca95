using NanoRecSys.Training.Retrieval;
using TorchSharp.Modules;
using static NanoRecSys.UnitTests.Fixtures.CircleWalks;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Models;

[Collection(SeededTorch.Name)]
public sealed class UserTowerTests : FolderTests
{
    private static readonly ModelInfo Small = new("transformer", 16, 2, 2, 24, 12, 30, 500, 0, "full-softmax", 0.05);

    private static readonly ModelInfo Wide = Small with { Kind = BlockKinds.Gated, Positions = Positions.Relative, Dimension = 64, FeedForward = 128, MaxLength = 80 };

    [Fact]
    public void Changing_an_item_does_not_affect_earlier_positions()
    {
        using UserTower tower = Trained();
        using Tensor before = tower.Hidden(Pack([3, 7, 11, 5, 2]));
        using Tensor after = tower.Hidden(Pack([3, 7, 11, 9, 2]));

        AssertClose(Values(before[..3]), after[..3], 0);
        Assert.NotEqual(Values(before[3]), Values(after[3]));
        Assert.NotEqual(Values(before[4]), Values(after[4]));
    }

    [Fact]
    public void Only_the_last_items_within_its_length_matter()
    {
        using UserTower tower = Trained();
        using var encoder = new UserEncoder(tower);
        int[] history = [.. Enumerable.Range(0, 20)];

        using Tensor whole = encoder.Encode([history]);
        using Tensor last = encoder.Encode([(ReadOnlyMemory<int>)history.AsMemory(8)]);

        AssertClose(Values(last), whole, 0);
    }

    [Fact]
    public void An_empty_history_is_encoded()
    {
        using UserTower tower = Trained();
        using var encoder = new UserEncoder(tower);

        using Tensor users = encoder.Encode([Array.Empty<int>(), new[] { 0 }]);

        Assert.All(Values(users), value => Assert.True(float.IsFinite(value)));
        Assert.NotEqual(Values(users[0]), Values(users[1]));
    }

    [Theory]
    [InlineData(false, 1e-5f)]
    [InlineData(true, 0.05f)] // bfloat16 has 8 bits
    public void Many_histories_in_parts_on_several_threads_are_encoded_as_each_alone(bool isReduced, float tolerance)
    {
        using var tower = new UserTower(Wide, embeddingStd: 1);
        int[][] histories = [.. Enumerable.Range(0, 700).Select(b => Enumerable.Range(b, 1 + (b * 7 % 90)).Select(item => item % Wide.Items).ToArray())];
        using Tensor alone = Encode(tower, isReduced: false, [.. histories.Select(history => new[] { history })]);

        int threads = get_num_threads();
        set_num_threads(4);
        using Tensor together = Encode(tower, isReduced, [histories]);
        Assert.Equal(4, get_num_threads());
        set_num_threads(threads);

        AssertClose(Values(alone), together, tolerance);
    }

    [Fact]
    public void Its_weights_have_the_names_of_the_published_layout()
    {
        using UserTower tower = Trained();

        IEnumerable<string> shapes = NetworkWeights.Of(tower).Select(weight => $"{weight.Name} [{string.Join(',', weight.Shape)}]");

        string[] block(int i) =>
        [
            $"blocks.{i}.norm1.weight [16]", $"blocks.{i}.attn.qkv_proj.weight [48,16]", $"blocks.{i}.attn.qkv_proj.bias [48]",
            $"blocks.{i}.attn.out_proj.weight [16,16]", $"blocks.{i}.attn.out_proj.bias [16]", $"blocks.{i}.norm2.weight [16]",
            $"blocks.{i}.mlp.w_gate_val.weight [48,16]", $"blocks.{i}.mlp.w_2.weight [16,24]",
        ];
        string[] expected =
            ["embedding.weight [30,16]", .. block(0), .. block(1), "norm.weight [16]", "projection.weight [16,16]", "projection.bias [16]"];
        Assert.Equal(expected.Order(StringComparer.Ordinal), shapes.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_width_that_is_not_divisible_by_the_heads_is_refused()
    {
        ArgumentException error = Assert.Throws<ArgumentException>(() => new UserTower(Small with { Dimension = 18, Heads = 4 }));

        Assert.Contains("Dimension 18", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("hstu", "relative", "Unknown block 'hstu'. Blocks: transformer, gated.")]
    [InlineData("transformer", "absolute", "Unknown positions 'absolute'. Positions: rotary, relative.")]
    public void A_retriever_of_a_removed_kind_is_refused_with_what_to_do(string kind, string positions, string reason)
    {
        ModelFolder.Retriever.Write(Folder.Path, Small with { Kind = kind, Positions = positions }, [], Provenance.Imported);

        Assert.Refused<UserErrorException>(() => ModelFolder.ReadRetriever(Folder.Path, data: null), $"cannot be used: {reason} Run 'train-retriever' again.");
    }

    private static Tensor Encode(UserTower tower, bool isReduced, int[][][] batches)
    {
        using var encoder = new UserEncoder(tower, isReduced);
        return cat([.. batches.Select(batch => encoder.Encode([.. batch]))]); // [B, D]
    }

    // Large item embeddings: with the small ones of a new table, differences would be lost in rounding.
    private static UserTower Trained()
    {
        manual_seed(5);
        var tower = new UserTower(Small, embeddingStd: 1);
        tower.eval();
        return tower;
    }

    private static SequencePack Pack(int[] history) => SequencePack.Of([history], Small.MaxLength, CPU);

    private static float[] Values(Tensor tensor) => [.. tensor.detach().contiguous().data<float>()];

    private static void AssertClose(float[] expected, Tensor actual, float tolerance) =>
        Assert.Equal(expected, Values(actual), (a, b) => MathF.Abs(a - b) <= tolerance);
}

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
