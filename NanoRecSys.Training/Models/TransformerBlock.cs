using NanoRecSys.Core.Artifacts;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Pre-norm block: x + Drop(Attention(Norm(x))), then x + Drop(SwiGLU(Norm(x))).</summary>
public sealed class TransformerBlock : nn.Module<Tensor, AttentionContext, Tensor>
{
    [ComponentName(Name = "norm1")]
    private readonly RmsNorm _norm1;
    [ComponentName(Name = "attn")]
    private readonly CausalSelfAttention _attention;
    [ComponentName(Name = "norm2")]
    private readonly RmsNorm _norm2;
    [ComponentName(Name = "mlp")]
    private readonly SwiGlu _mlp;
    [ComponentName(Name = "dropout")]
    private readonly Dropout _dropout;

    public TransformerBlock(ModelInfo model)
        : base(nameof(TransformerBlock))
    {
        ArgumentNullException.ThrowIfNull(model);

        // 2N outputs are added to the residual stream; so scaled, its variance does not grow with depth (GPT-2).
        double outputGain = 1 / Math.Sqrt(2 * model.Blocks);
        _norm1 = new RmsNorm(model.Dimension);
        _attention = new CausalSelfAttention(model.Dimension, model.Heads, model.Dropout, outputGain);
        _norm2 = new RmsNorm(model.Dimension);
        _mlp = new SwiGlu(model.Dimension, model.FeedForward, model.Dropout, outputGain);
        _dropout = nn.Dropout(model.Dropout);
        RegisterComponents();
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="context">Angles and mask of the batch.</param>
    public override Tensor forward(Tensor x, AttentionContext context)
    {
        using var scope = NewDisposeScope();
        Tensor attended = x + _dropout.forward(_attention.forward(_norm1.forward(x), context)); // [B, L, D]
        Tensor transformed = attended + _dropout.forward(_mlp.forward(_norm2.forward(attended))); // [B, L, D]
        return transformed.MoveToOuterDisposeScope();
    }
}
