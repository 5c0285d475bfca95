using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Models.Attention;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// The block of HSTU (Zhai et al., 2024): u, q, k, v = silu(W Norm(x)); x + Drop(W (Norm(Attention(q, k, v)) * u)),
/// with pointwise attention and a bias by distance. The gate u takes the feed-forward layer's place.
/// </summary>
public sealed class HstuBlock : Block
{
    [ComponentName(Name = "norm")]
    private readonly RmsNorm _norm;
    [ComponentName(Name = "u_proj")]
    private readonly MixedLinear _u; // D -> D
    [ComponentName(Name = "qkv_proj")]
    private readonly MixedLinear _qkv; // D -> 3D
    [ComponentName(Name = "attn_norm")]
    private readonly RmsNorm _attentionNorm;
    [ComponentName(Name = "out_proj")]
    private readonly MixedLinear _out; // D -> D
    [ComponentName(Name = "bias")]
    private readonly RelativeBias? _bias;
    private readonly AttentionShape _shape;
    private readonly double _dropout;

    public HstuBlock(ModelInfo model)
        : base(nameof(HstuBlock))
    {
        ArgumentNullException.ThrowIfNull(model);
        _norm = new RmsNorm(model.Dimension);
        _u = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
        _qkv = new MixedLinear(model.Dimension, 3 * model.Dimension, hasBias: true);
        _attentionNorm = new RmsNorm(model.Dimension);
        _out = new MixedLinear(model.Dimension, model.Dimension, hasBias: true, 1 / Math.Sqrt(model.Blocks));
        _bias = model.Positions == Positions.Relative ? new RelativeBias(model) : null;
        _shape = new AttentionShape(AttentionKind.Pointwise, model.Heads, model.MaxLength, model.Dropout);
        _dropout = model.Dropout;
        RegisterComponents();
    }

    public override Tensor forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        Tensor normed = _norm.Before(x); // [P, D]
        Tensor gate = nn.functional.silu(_u.forward(normed)); // [P, D]
        Tensor qkv = nn.functional.silu(_qkv.forward(normed)); // [P, 3D]
        if (context.Cos is not null)
        {
            qkv = RotaryEmbedding.RotateQueriesAndKeys(qkv, context.Cos, context.Sin!, _shape.Heads); // [P, 3D]
        }

        // No dropout on the weights: unlike shares they do not add up to one.
        Tensor mixed = PackedAttention.Apply(_shape, qkv, _bias?.Tables, context.Pack, noise: null); // [P, D]
        Tensor gated = context.Drop(_attentionNorm.Before(mixed) * gate, _dropout); // [P, D]
        return x.Plus(_out.forward(gated)).MoveToOuterDisposeScope();
    }
}
