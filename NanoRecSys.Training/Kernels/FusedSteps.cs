using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using static NanoRecSys.Core.Kernels.Vectors512;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Kernels;

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
            delegate*<float*, float*, void*, long, int, void> pass = normed.dtype == ScalarType.BFloat16 ? &Forward<Brain16> : &Forward<Single32>;
            pass((float*)from, (float*)by, to, x.shape[0], (int)x.shape[1]);
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
            delegate*<float*, float*, void*, float*, float*, long, int, void> pass = gradient.dtype == ScalarType.BFloat16 ? &Backward<Brain16> : &Backward<Single32>;
            pass((float*)from, (float*)by, above, (float*)toX, (float*)toWeight, x.shape[0], (int)x.shape[1]);
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
            for (int i = 0; i < width; i += Lanes)
            {
                Vector512<float> value = Vector512.Load(row + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
            }

            Vector512<float> scale = Vector512.Create(ScaleOf(squares, width));
            for (int i = 0; i < width; i += Lanes)
            {
                TOut.Store(Vector512.Load(row + i) * scale * Vector512.Load(weight + i), normed, start + i);
            }
        }
    }

    private static float ScaleOf(Vector512<float> squares, int width) => 1 / MathF.Sqrt((Vector512.Sum(squares) / width) + (float)RmsNorm.Epsilon);

    // dx = s (w dy) - x s³ / D sum(x w dy); dw = sum over rows of x s dy
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Backward<TGradient>(float* x, float* weight, void* gradient, float* ofX, float* ofWeight, long rows, int width)
        where TGradient : INumbers
    {
        for (long start = 0; start < rows * width; start += width)
        {
            float* row = x + start;
            Vector512<float> squares = default, products = default;
            for (int i = 0; i < width; i += Lanes)
            {
                Vector512<float> value = Vector512.Load(row + i);
                squares = Vector512.FusedMultiplyAdd(value, value, squares);
                products = Vector512.FusedMultiplyAdd(value * Vector512.Load(weight + i), TGradient.Load(gradient, start + i), products);
            }

            float scale = ScaleOf(squares, width);
            Vector512<float> direct = Vector512.Create(scale);
            Vector512<float> through = Vector512.Create(-scale * scale * scale / width * Vector512.Sum(products));
            for (int i = 0; i < width; i += Lanes)
            {
                Vector512<float> value = Vector512.Load(row + i), above = TGradient.Load(gradient, start + i) * direct;
                Vector512.FusedMultiplyAdd(value, through, above * Vector512.Load(weight + i)).Store(ofX + start + i);
                Vector512.FusedMultiplyAdd(value, above, Vector512.Load(ofWeight + i)).Store(ofWeight + i);
            }
        }
    }
}

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
            delegate*<float*, void*, float*, float*, long, DropoutMask, void> pass = update.dtype == ScalarType.BFloat16 ? &Forward<Brain16> : &Forward<Single32>;
            pass((float*)from, add, (float*)by, (float*)to, x.numel(), mask);
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
            delegate*<float*, void*, float*, void*, float*, long, DropoutMask, void> pass = update.dtype == ScalarType.BFloat16 ? &Backward<Brain16> : &Backward<Single32>;
            pass((float*)above, from, (float*)by, toUpdate, (float*)toGate, update.numel(), mask);
        }

        Tensor ofX = gradient.alias(); // [P, D]: a sum passes its gradient on unchanged
        return ofGate is null
            ? [null!, ofX.MoveToOuterDisposeScope(), ofUpdate.MoveToOuterDisposeScope()]
            : [null!, ofX.MoveToOuterDisposeScope(), ofUpdate.MoveToOuterDisposeScope(), ofGate.MoveToOuterDisposeScope()];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Forward<T>(float* x, void* update, float* gate, float* sum, long count, DropoutMask mask)
        where T : INumbers
    {
        for (long i = 0; i < count; i += Lanes)
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
        for (long i = 0; i < count; i += Lanes)
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
            delegate*<void*, void*, long, int, DropoutMask, void> pass = both.dtype == ScalarType.BFloat16 ? &Forward<Brain16> : &Forward<Single32>;
            pass(from, to, gated.shape[0], (int)gated.shape[1], mask);
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
            delegate*<void*, void*, void*, long, int, DropoutMask, void> pass = both.dtype == ScalarType.BFloat16 ? &Backward<Brain16> : &Backward<Single32>;
            pass(from, above, to, gradient.shape[0], (int)gradient.shape[1], mask);
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
            for (int i = 0; i < hidden; i += Lanes)
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
            for (int i = 0; i < hidden; i += Lanes)
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
            for (int i = 0; i < width; i += Lanes)
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
            for (int i = 0; i < width; i += Lanes)
            {
                Vector512<float> above = Vector512.Load(gradient + start + i);
                Brain16.Store(above, ofProduct, start + i);
                (Vector512.Load(ofBias + i) + above).Store(ofBias + i);
            }
        }
    }
}

/// <summary>Sixteen numbers of a tensor in single precision, whatever its storage type.</summary>
internal unsafe interface INumbers
{
    static abstract Vector512<float> Load(void* numbers, long index);

    static abstract void Store(Vector512<float> values, void* numbers, long index);
}

internal readonly unsafe struct Single32 : INumbers
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* numbers, long index) => Vector512.Load((float*)numbers + index);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, void* numbers, long index) => values.Store((float*)numbers + index);
}

/// <summary>bfloat16: the upper half of a 32-bit number, rounded to nearest, ties to even.</summary>
internal readonly unsafe struct Brain16 : INumbers
{
    private const int HalfBits = 16;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(void* numbers, long index)
    {
        (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load((ushort*)numbers + index));
        return (Vector512.Create(low, high) << HalfBits).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(Vector512<float> values, void* numbers, long index)
    {
        Vector512<uint> bits = values.AsUInt32();
        bits = (bits + Vector512.Create(0x7FFFu) + ((bits >> HalfBits) & Vector512<uint>.One)) >> HalfBits;
        Vector256.Narrow(bits.GetLower(), bits.GetUpper()).Store((ushort*)numbers + index);
    }
}
