using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Gated feed-forward layer (Shazeer, 2020): silu(gate) * value, projected back.</summary>
public sealed class SwiGlu : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "w_gate_val")]
    private readonly Linear _gateAndValue; // D -> 2F, the gate's rows first
    [ComponentName(Name = "w_2")]
    private readonly Linear _out; // F -> D
    [ComponentName(Name = "dropout")]
    private readonly Dropout _dropout;

    public SwiGlu(int dimension, int feedForward, double dropout, double outputGain)
        : base(nameof(SwiGlu))
    {
        _gateAndValue = XavierLinear.Create(dimension, 2 * feedForward, hasBias: false);
        _out = XavierLinear.Create(feedForward, dimension, hasBias: false, outputGain);
        _dropout = nn.Dropout(dropout);
        RegisterComponents();
    }

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        Tensor[] halves = _gateAndValue.forward(x).chunk(2, -1); // 2 x [B, L, F]
        Tensor gated = nn.functional.silu(halves[0]) * halves[1]; // [B, L, F]
        return _out.forward(_dropout.forward(gated)).MoveToOuterDisposeScope(); // [B, L, D]
    }
}
