using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Models.Fused;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Gated feed-forward layer (Shazeer, 2020): silu(gate) * value, projected back.</summary>
public sealed class SwiGlu : nn.Module<Tensor, BlockContext, Tensor>
{
    [ComponentName(Name = "w_gate_val")]
    private readonly MixedLinear _gateAndValue; // D -> 2F, the gate's rows first
    [ComponentName(Name = "w_2")]
    private readonly MixedLinear _out; // F -> D
    private readonly double _dropout;

    public SwiGlu(ModelInfo model, double outputGain)
        : base(nameof(SwiGlu))
    {
        ArgumentNullException.ThrowIfNull(model);
        _gateAndValue = new MixedLinear(model.Dimension, 2 * model.FeedForward, hasBias: false);
        _out = new MixedLinear(model.FeedForward, model.Dimension, hasBias: false, outputGain);
        _dropout = model.Dropout;
        RegisterComponents();
    }

    /// <summary>Whether its input goes into a product in bfloat16.</summary>
    public bool IsReduced => _gateAndValue.IsReduced;

    /// <param name="x">[P, D]</param>
    /// <param name="context">Of the batch.</param>
    /// <returns>[P, D] in bfloat16 where the products are.</returns>
    public override Tensor forward(Tensor x, BlockContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        using var scope = NewDisposeScope();
        if (FusedSteps.Take(x) && _out.Weight.shape[1] % FusedSteps.Lanes == 0)
        {
            Tensor product = _gateAndValue.Product(x); // [P, 2F]
            return _out.Product(FusedSteps.SwiGlu(product, context.Mask(_dropout))).MoveToOuterDisposeScope(); // [P, D]
        }

        Tensor[] halves = _gateAndValue.forward(x).chunk(2, -1); // 2 x [P, F]
        Tensor gated = nn.functional.silu(halves[0]) * halves[1]; // [P, F]
        return _out.forward(context.Drop(gated, _dropout)).MoveToOuterDisposeScope(); // [P, D]
    }
}
