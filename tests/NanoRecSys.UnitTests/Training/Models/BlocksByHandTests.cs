using NanoRecSys.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.UnitTests.Training.Models;

/// <summary>
/// Each block on two items, with one head of width 2 and weights simple enough for a pocket calculator: matrices are the
/// identity unless stated. The items are (2, 0) and (0, 3), so their norms are (1.4142, 0) and (0, 1.4142).
/// </summary>
public sealed class BlocksByHandTests : IDisposable
{
    private const float NoBias = 0;

    private static readonly float[,] Items = { { 2, 0 }, { 0, 3 } };
    private static readonly float[,] Identity = { { 1, 0 }, { 0, 1 } };
    private static readonly float[,] ThreeIdentities = { { 1, 0 }, { 0, 1 }, { 1, 0 }, { 0, 1 }, { 1, 0 }, { 0, 1 } };
    private static readonly float[,] TwoIdentities = { { 1, 0 }, { 0, 1 }, { 1, 0 }, { 0, 1 } };
    private static readonly float[,] Distance = { { 0.5f, -1, 0, 0 } }; // [H, L]

    private readonly DisposeScope _scope;

    public BlocksByHandTests()
    {
        LibTorch.Load();
        _scope = NewDisposeScope();
    }

    public void Dispose() => _scope.Dispose();

    /// <summary>
    /// The second item scores the first with 0 / sqrt(2) - 1 and itself with 2 / sqrt(2) + 0.5 = 1.9142: weights of 0.0515 and 0.9485. The
    /// attention's gate, sigmoid(x), is (0.8808, 0.5) and (0.5, 0.9526): (2 + 0.8808 * 1.4142, 0) = (3.2456, 0) and (0.5 * 0.0728, 3 + 0.9526 * 1.3414) =
    /// (0.0364, 4.2778), of norms (1.4142, 0) and (0.0120, 1.4142). SwiGLU, silu(n) * n, gives (1.6089, 0) and (0.0001, 1.6087),
    /// which the second gate multiplies by (0.9625, 0.5) and (0.5091, 0.9863).
    /// </summary>
    [Fact]
    public void A_gated_block_weighs_attention_and_feed_forward_by_gates_of_their_inputs()
    {
        TransformerBlock block = Transformer(BlockKinds.Gated);
        Set(block, "gate1.weight", Identity);
        Set(block, "gate2.weight", Identity);

        Tensor y = Run(block, Pack(null));

        AssertClose([3.2456f + (0.9625f * 1.6089f), 0, 0.0364f + (0.5091f * 0.0001f), 4.2778f + (0.9863f * 1.6087f)], y);
    }

    /// <summary>The same without gates: (3.4142, 0) and (0.0728, 4.3414), of norms (1.4142, 0) and (0.0237, 1.4140).</summary>
    [Fact]
    public void The_reference_block_adds_attention_and_feed_forward_unscaled()
    {
        Tensor y = Run(Transformer(BlockKinds.Transformer), Pack(null));

        AssertClose([3.4142f + 1.6089f, 0, 0.0728f + 0.0003f, 4.3414f + 1.6083f], y);
    }

    /// <summary>
    /// Items at 100 and 102 s, predictions at 102 and 104 s: spans of 2, 4 and 2 s, in buckets 2, 4 and 2 with biases of 0.25, -0.5 and
    /// 0.25. The second item scores the first with -1 - 0.5 and itself with 1.9142 + 0.25: weights of 0.0250 and 0.9750. So
    /// (0.5 * 0.0353, 3 + 0.9526 * 1.3789) = (0.0177, 4.3135), of norms (0.0058, 1.4142); the second gate is (0.5044, 0.9868).
    /// </summary>
    [Fact]
    public void A_bias_by_the_time_from_an_item_to_the_prediction_is_added_to_the_scores()
    {
        TransformerBlock block = Transformer(BlockKinds.Gated, hasTimes: true);
        Set(block, "gate1.weight", Identity);
        Set(block, "gate2.weight", Identity);
        var byTime = new float[1, TimeBuckets.Count];
        (byTime[0, 2], byTime[0, 4]) = (0.25f, -0.5f);
        Set(block, "attn.bias.time", byTime);

        Tensor y = Run(block, Pack(new TimeBuckets([0, 2], met: [100, 102], asked: [102, 104])));

        AssertClose([3.2456f + (0.9625f * 1.6089f), 0, 0.0177f, 4.3135f + (0.9868f * 1.6088f)], y);
    }

    private static ModelInfo Model(string kind) =>
        new(kind, Dimension: 2, Blocks: 1, Heads: 1, FeedForward: 2, MaxLength: 4, Items: 2, RopeBase: 500, Dropout: 0, "full-softmax", 0.05)
        {
            Positions = Positions.Relative,
        };

    private static TransformerBlock Transformer(string kind, bool hasTimes = false)
    {
        var block = new TransformerBlock(Model(kind) with { TimeBias = hasTimes });
        Set(block, "attn.qkv_proj.weight", ThreeIdentities);
        Set(block, "attn.qkv_proj.bias", NoBias);
        Set(block, "attn.out_proj.weight", Identity);
        Set(block, "attn.out_proj.bias", NoBias);
        Set(block, "attn.bias.distance", Distance);
        Set(block, "mlp.w_gate_val.weight", TwoIdentities);
        Set(block, "mlp.w_2.weight", Identity);
        if (kind == BlockKinds.Gated)
        {
            Set(block, "gate1.bias", NoBias);
            Set(block, "gate2.bias", NoBias);
        }

        return block;
    }

    private static SequencePack Pack(TimeBuckets? times) => new([0, 1], [0, 2], CPU, times);

    private static Tensor Run(TransformerBlock block, SequencePack pack)
    {
        block.eval();
        using var noGradient = no_grad();
        using (pack)
        {
            return block.forward(tensor(Items), new BlockContext(NetworkOperations.Torch, pack, Noise: null, Cos: null, Sin: null));
        }
    }

    private static void Set(nn.Module network, string name, float[,] values)
    {
        using var noGradient = no_grad();
        network.state_dict()[name].copy_(tensor(values));
    }

    private static void Set(nn.Module network, string name, float value)
    {
        using var noGradient = no_grad();
        network.state_dict()[name].fill_(value);
    }

    private static void AssertClose(float[] expected, Tensor actual) =>
        Assert.Equal(expected, actual.contiguous().data<float>().ToArray(), (a, b) => MathF.Abs(a - b) <= 1e-3f);
}
