using static NanoRecSys.Core.Kernels.Vectors512;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Kernels;

/// <summary>The operations in C# with 512-bit vectors, on CPUs. The gain of each kernel is in
/// docs/lab/decisions.md.</summary>
internal sealed class KernelOperations : NetworkOperations
{
    public override bool AllowsThreads => true;

    protected override bool Fits(int width) => width % Lanes == 0;

    public override Tensor Drop(Tensor x, double rate, DropoutNoise? noise)
    {
        if (noise is null || rate == 0)
        {
            return x.alias();
        }

        using var scope = NewDisposeScope();
        return Add(zeros_like(x), x, gate: null, rate, noise).MoveToOuterDisposeScope();
    }

    public override Tensor Norm(Tensor x, Tensor weight, bool isReduced) => NormFunction.apply(x.contiguous(), weight, isReduced ? bfloat16 : float32);

    public override Tensor SwiGlu(Tensor gateAndValue, double rate, DropoutNoise? noise) => SwiGluFunction.apply(gateAndValue.contiguous(), Mask(rate, noise));

    public override Tensor Add(Tensor x, Tensor update, Tensor? gate, double rate, DropoutNoise? noise) => gate is null
        ? ResidualFunction.apply(Mask(rate, noise), x.contiguous(), update.contiguous())
        : ResidualFunction.apply(Mask(rate, noise), x.contiguous(), update.contiguous(), gate.contiguous());

    public override Tensor Widen(Tensor product, Tensor bias) => WidenFunction.apply(product.contiguous(), bias);

    public override Tensor Attention(AttentionShape shape, Tensor qkv, BiasTables? bias, SequencePack pack, DropoutNoise? noise)
    {
        using var scope = NewDisposeScope();
        ulong dropoutKey = noise is null || shape.Dropout == 0 ? 0 : noise.NextKey();
        var call = new AttentionCall(shape, pack, bias, (int)qkv.shape[1] / 3, dropoutKey);
        Tensor dense = qkv.contiguous(); // [P, 3D]
        Tensor output = bias switch
        {
            _ when !is_grad_enabled() => call.Forward(dense),
            null => AttentionFunction.apply(call, dense),
            { Time: null } => AttentionFunction.apply(call, dense, bias.Distance),
            _ => AttentionFunction.apply(call, dense, bias.Distance, bias.Time),
        };
        return output.MoveToOuterDisposeScope(); // [P, D]
    }

    public override Tensor SoftmaxGradient(Tensor logits, Tensor targets, Tensor likelihood)
    {
        Kernels.SoftmaxGradient.Replace(logits, targets, likelihood);
        return logits;
    }

    private static DropoutMask Mask(double rate, DropoutNoise? noise) => noise?.NextMask(rate) ?? DropoutMask.None;
}
