using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Fused;

/// <summary>y = x + mask sigmoid(g) u: mask, x [P, D] fp32, u [P, D], and with gates g [P, D] fp32 -> [P, D] fp32.</summary>
internal sealed unsafe class ResidualFunction : autograd.SingleTensorFunction<ResidualFunction>
{
    public override string Name => nameof(ResidualFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var mask = (DropoutMask)vars[0];
        var x = (Tensor)vars[1];
        var update = (Tensor)vars[2];
        Tensor? gate = vars.Length > 3 ? (Tensor)vars[3] : null;
        ctx.save_data(nameof(DropoutMask), mask);
        ctx.save_for_backward(gate is null ? [update] : [update, gate]);
        Tensor sum = empty_like(x);
        fixed (byte* from = x.bytes, add = update.bytes, by = gate is null ? default : gate.bytes, to = sum.bytes)
        {
            if (update.dtype == ScalarType.BFloat16)
            {
                Forward<Brain16>((float*)from, add, (float*)by, (float*)to, x.numel(), mask);
            }
            else
            {
                Forward<Single32>((float*)from, add, (float*)by, (float*)to, x.numel(), mask);
            }
        }

        return sum;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var mask = (DropoutMask)ctx.get_data(nameof(DropoutMask));
        List<Tensor> saved = ctx.get_saved_variables();
        Tensor update = saved[0]; // [P, D]
        Tensor? gate = saved.Count > 1 ? saved[1] : null; // [P, D]
        Tensor gradient = grad_output.contiguous(); // [P, D] fp32
        Tensor ofUpdate = empty_like(update);
        Tensor? ofGate = gate is null ? null : empty_like(gate);
        fixed (byte* above = gradient.bytes, from = update.bytes, by = gate is null ? default : gate.bytes, toUpdate = ofUpdate.bytes, toGate = ofGate is null ? default : ofGate.bytes)
        {
            if (update.dtype == ScalarType.BFloat16)
            {
                Backward<Brain16>((float*)above, from, (float*)by, toUpdate, (float*)toGate, update.numel(), mask);
            }
            else
            {
                Backward<Single32>((float*)above, from, (float*)by, toUpdate, (float*)toGate, update.numel(), mask);
            }
        }

        Tensor ofX = gradient.alias(); // [P, D]: a sum hands its gradient on as it is
        return ofGate is null
            ? [null!, ofX.MoveToOuterDisposeScope(), ofUpdate.MoveToOuterDisposeScope()]
            : [null!, ofX.MoveToOuterDisposeScope(), ofUpdate.MoveToOuterDisposeScope(), ofGate.MoveToOuterDisposeScope()];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward<T>(float* x, void* update, float* gate, float* sum, long count, DropoutMask mask)
        where T : INumbers
    {
        for (long i = 0; i < count; i += FusedSteps.Lanes)
        {
            Vector512<float> share = mask.At(i);
            if (gate is not null)
            {
                share *= FastExp.Sigmoid(Vector512.Load(gate + i));
            }

            Vector512.FusedMultiplyAdd(share, T.Load(update, i), Vector512.Load(x + i)).Store(sum + i);
        }
    }

    // du = dy mask sigmoid(g); dg = dy mask u sigmoid(g) (1 - sigmoid(g))
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Backward<T>(float* gradient, void* update, float* gate, void* ofUpdate, float* ofGate, long count, DropoutMask mask)
        where T : INumbers
    {
        for (long i = 0; i < count; i += FusedSteps.Lanes)
        {
            Vector512<float> above = Vector512.Load(gradient + i) * mask.At(i);
            if (gate is not null)
            {
                Vector512<float> sigmoid = FastExp.Sigmoid(Vector512.Load(gate + i));
                above *= sigmoid;
                (above * T.Load(update, i) * (Vector512<float>.One - sigmoid)).Store(ofGate + i);
            }

            T.Store(above, ofUpdate, i);
        }
    }
}
