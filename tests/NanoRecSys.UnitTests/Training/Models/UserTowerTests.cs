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

    [Fact]
    public void Other_histories_of_a_batch_do_not_matter()
    {
        using UserTower tower = Trained();
        using Tensor alone = tower.forward(Pack([4, 8]));
        using Tensor together = tower.forward(Pack([4, 8], [1, 2, 3, 5, 6]));

        AssertClose(Values(alone), together[..1], 2e-6f);
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
    public void What_is_written_is_read_back_and_gives_the_same_embeddings()
    {
        using UserTower tower = Trained();
        ModelFolder.WriteRetriever(Folder.Path, tower, Provenance.Imported);

        using RetrieverNetwork read = ModelFolder.ReadRetriever(Folder.Path, data: null);

        using Tensor expected = tower.forward(Pack([3, 7, 11]));
        using Tensor actual = read.forward(Pack([3, 7, 11]));
        Assert.Equal(Small, read.Model);
        AssertClose(Values(expected), actual, 0);
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

    private static SequencePack Pack(params int[][] histories) =>
        SequencePack.Of([.. histories], Small.MaxLength, CPU);

    private static float[] Values(Tensor tensor) => [.. tensor.detach().contiguous().data<float>()];

    private static void AssertClose(float[] expected, Tensor actual, float tolerance)
    {
        float[] values = Values(actual);
        Assert.Equal(expected.Length, values.Length);
        Assert.All(expected.Zip(values), pair => Assert.Equal(pair.First, pair.Second, tolerance));
    }
}
