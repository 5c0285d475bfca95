using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Models.Attention;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Multi-head attention in which a position sees itself and what came before it.</summary>
public sealed class CausalSelfAttention : nn.Module<Tensor, BlockContext, Tensor>
{
    [ComponentName(Name = "qkv_proj")]
    private readonly MixedLinear _qkv; // D -> 3D: queries, keys, values
    [ComponentName(Name = "out_proj")]
    private readonly MixedLinear _out; // D -> D
    [ComponentName(Name = "bias")]
    private readonly RelativeBias? _bias;
    private readonly AttentionShape _shape;

    /// <param name="model">D is a multiple of its heads.</param>
    /// <param name="outputGain">Scales the output projection's first weights.</param>
    public CausalSelfAttention(ModelInfo model, double outputGain)
        : base(nameof(CausalSelfAttention))
    {
        ArgumentNullException.ThrowIfNull(model);
        _shape = new AttentionShape(model.Heads, model.Dropout);
        _qkv = new MixedLinear(model.Dimension, 3 * model.Dimension, hasBias: true);
        _out = new MixedLinear(model.Dimension, model.Dimension, hasBias: true, outputGain);
        _bias = model.Positions == Positions.Relative ? new RelativeBias(model) : null;
        RegisterComponents();
    }

    /// <summary>Whether its input goes into a product in bfloat16.</summary>
    public bool IsReduced => _qkv.IsReduced;

    /// <param name="x">[P, D]</param>
    /// <param name="context">Of the batch.</param>
    /// <returns>[P, D]</returns>
    public override Tensor forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        Tensor qkv = _qkv.forward(x); // [P, 3D]
        if (context.Cos is not null)
        {
            qkv = RotaryEmbedding.RotateQueriesAndKeys(qkv, context.Cos, context.Sin!, _shape.Heads); // [P, 3D]
        }

        Tensor mixed = PackedAttention.Apply(_shape, qkv, _bias?.Tables, context.Pack, context.Noise); // [P, D]
        return _out.forward(mixed).MoveToOuterDisposeScope();
    }
}
