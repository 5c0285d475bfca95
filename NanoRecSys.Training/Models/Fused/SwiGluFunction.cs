using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Fused;

/// <summary>y = mask silu(g) v: [P, 2F] with the gates first, mask -> [P, F].</summary>
internal sealed unsafe class SwiGluFunction : autograd.SingleTensorFunction<SwiGluFunction>
{
    public override string Name => nameof(SwiGluFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var both = (Tensor)vars[0];
        var mask = (DropoutMask)vars[1];
        ctx.save_data(nameof(DropoutMask), mask);
        ctx.save_for_backward([both]);
        Tensor gated = empty(both.shape[0], both.shape[1] / 2, dtype: both.dtype);
        fixed (byte* from = both.bytes, to = gated.bytes)
        {
            if (both.dtype == ScalarType.BFloat16)
            {
                Forward<Brain16>(from, to, gated.shape[0], (int)gated.shape[1], mask);
            }
            else
            {
                Forward<Single32>(from, to, gated.shape[0], (int)gated.shape[1], mask);
            }
        }

        return gated;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var mask = (DropoutMask)ctx.get_data(nameof(DropoutMask));
        Tensor both = ctx.get_saved_variables()[0]; // [P, 2F]
        Tensor gradient = grad_output.contiguous(); // [P, F]
        Tensor ofBoth = empty_like(both);
        fixed (byte* from = both.bytes, above = gradient.bytes, to = ofBoth.bytes)
        {
            if (both.dtype == ScalarType.BFloat16)
            {
                Backward<Brain16>(from, above, to, gradient.shape[0], (int)gradient.shape[1], mask);
            }
            else
            {
                Backward<Single32>(from, above, to, gradient.shape[0], (int)gradient.shape[1], mask);
            }
        }

        return [ofBoth.MoveToOuterDisposeScope(), null!];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward<T>(void* both, void* gated, long rows, int hidden, DropoutMask mask)
        where T : INumbers
    {
        for (long row = 0; row < rows; row++)
        {
            long gates = 2 * row * hidden, to = row * hidden;
            for (int i = 0; i < hidden; i += FusedSteps.Lanes)
            {
                Vector512<float> gate = T.Load(both, gates + i), value = T.Load(both, gates + hidden + i);
                T.Store(gate * FastExp.Sigmoid(gate) * value * mask.At(to + i), gated, to + i);
            }
        }
    }

    // dv = dy mask silu(g); dg = dy mask v (sigmoid(g) + silu(g) (1 - sigmoid(g)))
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Backward<T>(void* both, void* gradient, void* ofBoth, long rows, int hidden, DropoutMask mask)
        where T : INumbers
    {
        for (long row = 0; row < rows; row++)
        {
            long gates = 2 * row * hidden, from = row * hidden;
            for (int i = 0; i < hidden; i += FusedSteps.Lanes)
            {
                Vector512<float> gate = T.Load(both, gates + i), value = T.Load(both, gates + hidden + i);
                Vector512<float> above = T.Load(gradient, from + i) * mask.At(from + i);
                Vector512<float> sigmoid = FastExp.Sigmoid(gate);
                Vector512<float> silu = gate * sigmoid;
                T.Store(above * silu, ofBoth, gates + hidden + i);
                T.Store(above * value * (sigmoid + (silu * (Vector512<float>.One - sigmoid))), ofBoth, gates + i);
            }
        }
    }
}
