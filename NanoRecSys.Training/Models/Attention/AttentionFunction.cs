using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>One call of the kernel: all that the way back needs besides tensors.</summary>
internal sealed class AttentionCall
{
    private readonly AttentionKernel _kernel;
    private readonly AttentionBias? _bias;
    private readonly int _width; // D
    private readonly int _heads; // H

    public AttentionCall(AttentionShape shape, SequencePack pack, BiasTables? tables, int width, ulong dropoutKey)
    {
        _width = width;
        _heads = shape.Heads;
        _bias = tables is null ? null : new AttentionBias(Values(tables.Distance), tables.Time is null ? [] : Values(tables.Time), pack.TimeBuckets, shape.Heads, pack.Count);
        _kernel = new AttentionKernel(shape, width, pack.Offsets, dropoutKey) { Bias = _bias, Threads = get_num_threads() };
    }

    /// <param name="qkv">[P, 3D]</param>
    /// <returns>[P, D]</returns>
    public unsafe Tensor Forward(Tensor qkv)
    {
        Tensor output = empty(qkv.shape[0], _width);
        fixed (byte* from = qkv.bytes, to = output.bytes)
        {
            _kernel.Forward((float*)from, (float*)to);
        }

        return output;
    }

    /// <param name="qkv">[P, 3D]</param>
    /// <param name="outputGradient">[P, D]</param>
    /// <returns>[P, 3D]</returns>
    public unsafe Tensor Backward(Tensor qkv, Tensor outputGradient)
    {
        _bias?.BeginGradients();
        Tensor gradient = empty_like(qkv);
        fixed (byte* from = qkv.bytes, by = outputGradient.bytes, to = gradient.bytes)
        {
            _kernel.Backward((float*)from, (float*)by, (float*)to);
        }

        return gradient;
    }

    /// <summary>[H, L] and [H, T] of the biases that there are, once <see cref="Backward"/> has run.</summary>
    public IEnumerable<Tensor> BiasGradients() =>
        _bias?.Gradients().Select(values => tensor(values).reshape(_heads, -1)) ?? [];

    private static ReadOnlySpan<float> Values(Tensor tensor) => tensor.data<float>().ToArray();
}

/// <summary>The kernel as a step of torch's graph: call, [P, 3D], [H, L], [H, T] -> [P, D].</summary>
internal sealed class AttentionFunction : autograd.SingleTensorFunction<AttentionFunction>
{
    public override string Name => nameof(AttentionFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var call = (AttentionCall)vars[0];
        ctx.save_data(nameof(AttentionCall), call);
        ctx.save_for_backward([(Tensor)vars[1]]);
        return call.Forward((Tensor)vars[1]);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var call = (AttentionCall)ctx.get_data(nameof(AttentionCall));
        Tensor qkv = ctx.get_saved_variables()[0]; // [P, 3D]
        Tensor gradient = call.Backward(qkv, grad_output.contiguous()); // [P, 3D]
        return [null!, .. call.BiasGradients().Prepend(gradient).Select(each => each.MoveToOuterDisposeScope())];
    }
}
