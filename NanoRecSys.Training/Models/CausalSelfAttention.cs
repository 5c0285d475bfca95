using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Multi-head attention in which a position sees itself and what came before it.</summary>
public sealed class CausalSelfAttention : nn.Module<Tensor, AttentionContext, Tensor>
{
    [ComponentName(Name = "qkv_proj")]
    private readonly Linear _qkv; // D -> 3D: queries, keys, values
    [ComponentName(Name = "out_proj")]
    private readonly Linear _out; // D -> D
    private readonly int _heads;
    private readonly double _dropout;

    /// <param name="dimension">D, a multiple of <paramref name="heads"/>.</param>
    /// <param name="heads">H</param>
    /// <param name="dropout">On the attention weights, in training only.</param>
    /// <param name="outputGain">Scales the output projection's first weights.</param>
    public CausalSelfAttention(int dimension, int heads, double dropout, double outputGain)
        : base(nameof(CausalSelfAttention))
    {
        _heads = heads;
        _dropout = dropout;
        _qkv = XavierLinear.Create(dimension, 3 * dimension, hasBias: true);
        _out = XavierLinear.Create(dimension, dimension, hasBias: true, outputGain);
        RegisterComponents();
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="context">Angles and mask, shared by all blocks.</param>
    public override Tensor forward(Tensor x, AttentionContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        long batch = x.shape[0];
        long length = x.shape[1];
        Tensor[] parts = _qkv.forward(x).chunk(3, -1); // 3 x [B, L, D]
        Tensor q = RotaryEmbedding.Rotate(SplitHeads(parts[0]), context.Cos, context.Sin); // [B, H, L, D / H]
        Tensor k = RotaryEmbedding.Rotate(SplitHeads(parts[1]), context.Cos, context.Sin);
        Tensor v = SplitHeads(parts[2]);
        Tensor mixed = nn.functional.scaled_dot_product_attention(
            q, k, v, context.Mask, training ? _dropout : 0, is_casual: false); // [B, H, L, D / H]
        Tensor joined = mixed.transpose(1, 2).reshape(batch, length, -1); // [B, L, D]
        return _out.forward(joined).MoveToOuterDisposeScope();

        Tensor SplitHeads(Tensor t) => t.view(batch, length, _heads, -1).transpose(1, 2); // -> [B, H, L, D / H]
    }
}

/// <summary>What every block's attention needs of a batch.</summary>
/// <param name="Cos">[L, D / H]</param>
/// <param name="Sin">[L, D / H]</param>
/// <param name="Mask">[B, 1, L, L] bool: may the row's position look at the column's?</param>
public sealed record AttentionContext(Tensor Cos, Tensor Sin, Tensor Mask);
