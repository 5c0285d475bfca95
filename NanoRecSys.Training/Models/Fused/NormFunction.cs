using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Fused;

/// <summary>y = x s w, where s = 1 / sqrt(mean(x²) + eps) of each row: [P, D] fp32, [D], the result's type -> [P, D].</summary>
internal sealed unsafe class NormFunction : autograd.SingleTensorFunction<NormFunction>
{
    public override string Name => nameof(NormFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var x = (Tensor)vars[0];
        var weight = (Tensor)vars[1];
        ctx.save_for_backward([x, weight]);
        Tensor normed = empty(x.shape, dtype: (ScalarType)vars[2]);
        fixed (byte* from = x.bytes, by = weight.bytes, to = normed.bytes)
        {
            if (normed.dtype == ScalarType.BFloat16)
            {
                Forward<Brain16>((float*)from, (float*)by, to, x.shape[0], (int)x.shape[1]);
            }
            else
            {
                Forward<Single32>((float*)from, (float*)by, to, x.shape[0], (int)x.shape[1]);
            }
        }

        return normed;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        List<Tensor> saved = ctx.get_saved_variables();
        (Tensor x, Tensor weight) = (saved[0], saved[1]);
        Tensor gradient = grad_output.contiguous();
        Tensor ofX = empty_like(x), ofWeight = zeros_like(weight);
        fixed (byte* from = x.bytes, by = weight.bytes, above = gradient.bytes, toX = ofX.bytes, toWeight = ofWeight.bytes)
        {
            var pass = new BackwardPass((float*)from, (float*)by, above, (float*)toX, (float*)toWeight, (int)x.shape[1]);
            if (gradient.dtype == ScalarType.BFloat16)
            {
                pass.Run<Brain16>(x.shape[0]);
            }
            else
            {
                pass.Run<Single32>(x.shape[0]);
            }
        }

        return [ofX.MoveToOuterDisposeScope(), ofWeight.MoveToOuterDisposeScope(), null!];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward<TOut>(float* x, float* weight, void* normed, long rows, int width)
        where TOut : INumbers
    {
        for (long start = 0; start < rows * width; start += width)
        {
            float* row = x + start;
            Vector512<float> squares = default;
            for (int i = 0; i < width; i += FusedSteps.Lanes)
            {
                Vector512<float> value = Vector512.Load(row + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
            }

            Vector512<float> scale = Vector512.Create(ScaleOf(squares, width));
            for (int i = 0; i < width; i += FusedSteps.Lanes)
            {
                TOut.Store(Vector512.Load(row + i) * scale * Vector512.Load(weight + i), normed, start + i);
            }
        }
    }

    private static float ScaleOf(Vector512<float> squares, int width) => 1 / MathF.Sqrt((Vector512.Sum(squares) / width) + (float)RmsNorm.Epsilon);

    private readonly struct BackwardPass(float* x, float* weight, void* gradient, float* ofX, float* ofWeight, int width)
    {
        // dx = s (w dy) - x s³ / D sum(x w dy); dw = sum over rows of x s dy
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run<TGradient>(long rows)
            where TGradient : INumbers
        {
            for (long start = 0; start < rows * width; start += width)
            {
                float* row = x + start;
                Vector512<float> squares = default, products = default;
                for (int i = 0; i < width; i += FusedSteps.Lanes)
                {
                    Vector512<float> value = Vector512.Load(row + i);
                    squares = Vector512.FusedMultiplyAdd(value, value, squares);
                    products = Vector512.FusedMultiplyAdd(value * Vector512.Load(weight + i), TGradient.Load(gradient, start + i), products);
                }

                float scale = ScaleOf(squares, width);
                Vector512<float> direct = Vector512.Create(scale);
                Vector512<float> through = Vector512.Create(-scale * scale * scale / width * Vector512.Sum(products));
                for (int i = 0; i < width; i += FusedSteps.Lanes)
                {
                    Vector512<float> value = Vector512.Load(row + i), above = TGradient.Load(gradient, start + i) * direct;
                    Vector512.FusedMultiplyAdd(value, through, above * Vector512.Load(weight + i)).Store(ofX + start + i);
                    Vector512.FusedMultiplyAdd(value, above, Vector512.Load(ofWeight + i)).Store(ofWeight + i);
                }
            }
        }
    }
}
