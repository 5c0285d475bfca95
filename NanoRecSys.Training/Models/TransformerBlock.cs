using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Models.Fused;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Pre-norm block: x + Drop(Attention(Norm(x))), then x + Drop(SwiGLU(Norm(x))). With gates each addition is
/// weighed by sigmoid(W x), as in LiGR (Borisyuk et al., 2024), which keeps deep stacks trainable.
/// </summary>
public sealed class TransformerBlock : nn.Module<Tensor, BlockContext, Tensor>
{
    [ComponentName(Name = "norm1")]
    private readonly RmsNorm _norm1;
    [ComponentName(Name = "attn")]
    private readonly CausalSelfAttention _attention;
    [ComponentName(Name = "norm2")]
    private readonly RmsNorm _norm2;
    [ComponentName(Name = "mlp")]
    private readonly SwiGlu _mlp;
    [ComponentName(Name = "gate1")]
    private readonly MixedLinear? _gate1; // D -> D
    [ComponentName(Name = "gate2")]
    private readonly MixedLinear? _gate2; // D -> D
    private readonly double _dropout;

    public TransformerBlock(ModelInfo model)
        : base(nameof(TransformerBlock))
    {
        ArgumentNullException.ThrowIfNull(model);

        // 2N outputs are added to the residual stream; so scaled, its variance does not grow with depth (GPT-2).
        double outputGain = 1 / Math.Sqrt(2 * model.Blocks);
        _norm1 = new RmsNorm(model.Dimension);
        _attention = new CausalSelfAttention(model, outputGain);
        _norm2 = new RmsNorm(model.Dimension);
        _mlp = new SwiGlu(model, outputGain);
        if (model.Kind == BlockKinds.Gated)
        {
            _gate1 = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
            _gate2 = new MixedLinear(model.Dimension, model.Dimension, hasBias: true);
        }

        _dropout = model.Dropout;
        RegisterComponents();
    }

    /// <param name="x">[P, D]</param>
    /// <param name="context">Of the batch.</param>
    /// <returns>[P, D]</returns>
    public override Tensor forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        Tensor attended = Add(x, _attention.forward(_norm1.Before(x, _attention.IsReduced), context), _gate1, context); // [P, D]
        Tensor transformed = Add(attended, _mlp.forward(_norm2.Before(attended, _mlp.IsReduced), context), _gate2, context); // [P, D]
        return transformed.MoveToOuterDisposeScope();
    }

    private Tensor Add(Tensor x, Tensor update, MixedLinear? gate, BlockContext context)
    {
        Tensor? logits = gate?.forward(x); // [P, D]
        if (FusedSteps.Take(x))
        {
            return FusedSteps.Add(x, update, logits, context.Mask(_dropout));
        }

        Tensor weighed = logits is null ? update : logits.sigmoid() * update; // [P, D]
        return x.Plus(context.Drop(weighed, _dropout));
    }
}
