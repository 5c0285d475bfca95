using NanoRecSys.Training.Models.Fused;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Root-mean-square norm: x / sqrt(mean(x²) + eps) * weight (Zhang and Sennrich, 2019).</summary>
public sealed class RmsNorm : nn.Module<Tensor, Tensor>
{
    public const double Epsilon = 1e-6;

    private static readonly Scalar Smallest = Epsilon; // one object, never collected: see TensorSums

    [ComponentName(Name = "weight")]
    private readonly Parameter _weight; // [D]

    public RmsNorm(int dimension)
        : base(nameof(RmsNorm))
    {
        _weight = new Parameter(ones(dimension));
        RegisterComponents();
    }

    /// <summary>As <see cref="forward"/>, in one pass where the processor can; then in the type of the product that follows.</summary>
    /// <param name="x">[P, D]</param>
    /// <param name="isReduced">Is that product in bfloat16?</param>
    public Tensor Before(Tensor x, bool isReduced = false) =>
        FusedSteps.Take(x) ? FusedSteps.Norm(x, _weight, isReduced ? bfloat16 : float32) : forward(x);

    public override Tensor forward(Tensor x)
    {
        using var scope = NewDisposeScope();
        Tensor scale = x.square().mean([-1], keepdim: true).add(Smallest).rsqrt(); // [..., 1]
        return (x * scale * _weight).MoveToOuterDisposeScope(); // [..., D]
    }
}
