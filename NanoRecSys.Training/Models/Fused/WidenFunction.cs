using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Fused;

/// <summary>y = x + b, from bfloat16 to fp32: [P, D], [D] -> [P, D].</summary>
internal sealed unsafe class WidenFunction : autograd.SingleTensorFunction<WidenFunction>
{
    public override string Name => nameof(WidenFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var product = (Tensor)vars[0];
        var bias = (Tensor)vars[1];
        Tensor sum = empty(product.shape);
        fixed (byte* from = product.bytes, by = bias.bytes, to = sum.bytes)
        {
            Forward(from, (float*)by, (float*)to, product.shape[0], (int)product.shape[1]);
        }

        return sum;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        Tensor gradient = grad_output.contiguous();
        Tensor ofProduct = empty(gradient.shape, dtype: bfloat16), ofBias = zeros(gradient.shape[1]);
        fixed (byte* from = gradient.bytes, toProduct = ofProduct.bytes, toBias = ofBias.bytes)
        {
            Backward((float*)from, toProduct, (float*)toBias, gradient.shape[0], (int)gradient.shape[1]);
        }

        return [ofProduct.MoveToOuterDisposeScope(), ofBias.MoveToOuterDisposeScope()];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward(void* product, float* bias, float* sum, long rows, int width)
    {
        for (long start = 0; start < rows * width; start += width)
        {
            for (int i = 0; i < width; i += FusedSteps.Lanes)
            {
                (Brain16.Load(product, start + i) + Vector512.Load(bias + i)).Store(sum + start + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Backward(float* gradient, void* ofProduct, float* ofBias, long rows, int width)
    {
        for (long start = 0; start < rows * width; start += width)
        {
            for (int i = 0; i < width; i += FusedSteps.Lanes)
            {
                Vector512<float> above = Vector512.Load(gradient + start + i);
                Brain16.Store(above, ofProduct, start + i);
                (Vector512.Load(ofBias + i) + above).Store(ofBias + i);
            }
        }
    }
}
