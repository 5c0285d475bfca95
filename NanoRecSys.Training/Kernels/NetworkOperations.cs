using NanoRecSys.Core.Kernels;
using TorchSharp;
using static NanoRecSys.Core.Kernels.Vectors512;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Kernels;

/// <summary>Shape of one attention layer: softmax over the past, of scores scaled by 1/sqrt(d).</summary>
/// <param name="Heads">H; the width D is a multiple of it.</param>
internal sealed record AttentionShape(int Heads, double Dropout);

/// <summary>The learned biases of a layer's scores.</summary>
/// <param name="Distance">[H, L] by the number of items in between.</param>
/// <param name="Time">[H, T] by the time in between; see <see cref="TimeBuckets"/>.</param>
internal sealed record BiasTables(Tensor Distance, Tensor? Time);

/// <summary>A network's operations other than matrix products, in torch operators, for every device and processor. <see cref="KernelOperations"/>
/// does the same with 512-bit vectors. <see cref="For(Device, ModelInfo)"/> chooses between them, and nothing else depends on the processor.</summary>
internal class NetworkOperations
{
    private static readonly Scalar Epsilon = RmsNorm.Epsilon; // kept: see TensorSums
    private static readonly Scalar MinusOne = -1;

    public static NetworkOperations Torch { get; } = new();
    public static NetworkOperations Best { get; } = Vectors512.AreUsed ? new KernelOperations() : Torch;

    /// <summary>Whether several threads may compute at once, each with its own <see cref="DropoutNoise"/>: torch's dropout has one shared generator.</summary>
    public virtual bool AllowsThreads => false;

    public static NetworkOperations For(Device device, ModelInfo model) =>
        device.type == DeviceType.CPU && Best.Fits(model.Dimension) && Best.Fits(model.FeedForward) ? Best : Torch;

    public static NetworkOperations For(Device device, long items) => device.type == DeviceType.CPU && items >= Lanes ? Best : Torch;

    protected virtual bool Fits(int width) => true;

    /// <summary>x with some values set to zero, the others scaled up.</summary>
    /// <param name="x">[P, D] fp32</param>
    /// <param name="noise">Draws the mask; null: no dropout.</param>
    public virtual Tensor Drop(Tensor x, double rate, DropoutNoise? noise) =>
        noise is null || rate == 0 ? x.alias() : nn.functional.dropout(x, rate, training: true);

    /// <summary>RMSNorm(x) * weight.</summary>
    /// <param name="x">[P, D] fp32</param>
    /// <param name="weight">[D]</param>
    /// <param name="isReduced">Whether a bfloat16 product follows, so that the result may be bfloat16.</param>
    public virtual Tensor Norm(Tensor x, Tensor weight, bool isReduced)
    {
        using var scope = NewDisposeScope();
        Tensor scale = x.square().mean([-1], keepdim: true).add(Epsilon).rsqrt(); // [P, 1]
        return (x * scale * weight).MoveToOuterDisposeScope(); // [P, D]
    }

    /// <summary>Drop(silu(gate) * value).</summary>
    /// <param name="gateAndValue">[P, 2F] gates first, fp32 or bfloat16.</param>
    /// <param name="noise">Draws the mask; null: no dropout.</param>
    /// <returns>[P, F] of the argument's type.</returns>
    public virtual Tensor SwiGlu(Tensor gateAndValue, double rate, DropoutNoise? noise)
    {
        using var scope = NewDisposeScope();
        Tensor[] halves = gateAndValue.to(float32).chunk(2, -1); // 2 x [P, F]
        return Drop(nn.functional.silu(halves[0]) * halves[1], rate, noise).to(gateAndValue.dtype).MoveToOuterDisposeScope();
    }

    /// <summary>x + Drop(sigmoid(gate) * update).</summary>
    /// <param name="x">[P, D] fp32</param>
    /// <param name="update">[P, D] fp32 or bfloat16</param>
    /// <param name="gate">[P, D] fp32; null: the update is added unscaled.</param>
    /// <param name="noise">Draws the mask; null: no dropout.</param>
    /// <returns>[P, D] fp32</returns>
    public virtual Tensor Add(Tensor x, Tensor update, Tensor? gate, double rate, DropoutNoise? noise)
    {
        using var scope = NewDisposeScope();
        Tensor wide = update.to(float32);
        return x.Plus(Drop(gate is null ? wide : gate.sigmoid() * wide, rate, noise)).MoveToOuterDisposeScope();
    }

    /// <summary>A product in bfloat16 as fp32, plus a bias.</summary>
    /// <param name="product">[P, D]</param>
    /// <param name="bias">[D]</param>
    public virtual Tensor Widen(Tensor product, Tensor bias)
    {
        using var scope = NewDisposeScope();
        return product.to(float32).Plus(bias).MoveToOuterDisposeScope();
    }

    /// <summary>Causal attention over packed sequences.</summary>
    /// <param name="qkv">[P, 3D] queries, keys and values.</param>
    /// <param name="noise">Draws the mask; null: no dropout.</param>
    /// <returns>[P, D]</returns>
    public virtual Tensor Attention(AttentionShape shape, Tensor qkv, BiasTables? bias, SequencePack pack, DropoutNoise? noise)
    {
        using var scope = NewDisposeScope();
        long batch = pack.Count, length = pack.Longest, width = qkv.shape[1] / 3;
        Tensor lengths = tensor(pack.Offsets.Zip(pack.Offsets.Skip(1), (start, end) => end - start).ToArray(), device: qkv.device).unsqueeze(1); // [B, 1]
        Tensor isPosition = arange(length, device: qkv.device).lt(lengths); // [B, L]: padding is on the right, hidden by the causal mask
        Tensor padded = zeros(batch, length, 3 * width, dtype: qkv.dtype, device: qkv.device).masked_scatter(isPosition.unsqueeze(2), qkv); // [P, 3D] -> [B, L, 3D]
        Tensor[] parts = padded.view(batch, length, 3, shape.Heads, -1).permute(2, 0, 3, 1, 4).unbind(0); // 3 x [B, H, L, d]
        Tensor? mask = bias is null ? null : Added(bias, pack, qkv.device); // [B or 1, H, L, L]
        double dropout = noise is null ? 0 : shape.Dropout;
        Tensor mixed = nn.functional.scaled_dot_product_attention(parts[0], parts[1], parts[2], mask, dropout, is_casual: mask is null); // [B, H, L, d]
        return mixed.transpose(1, 2).reshape(batch, length, width).index(TensorIndex.Tensor(isPosition)).MoveToOuterDisposeScope(); // -> [P, D]
    }

    /// <summary>Cross-entropy's gradient, softmax minus one-hot.</summary>
    /// <param name="logits">[C, V] fp32 or bfloat16; must not be used afterwards.</param>
    /// <param name="targets">[C] int64</param>
    /// <param name="likelihood">[C] receives the targets' probabilities.</param>
    /// <returns>[C, V] of the logits' type.</returns>
    public virtual Tensor SoftmaxGradient(Tensor logits, Tensor targets, Tensor likelihood)
    {
        Tensor gradient = logits.to(float32).softmax(1); // [C, V]
        Tensor target = targets.unsqueeze(1); // [C, 1]
        Tensor own = gradient.gather(1, target); // [C, 1]
        likelihood.copy_(own.squeeze(1));
        gradient.scatter_(1, target, own.add(MinusOne));
        return gradient.to(logits.dtype);
    }

    private static Tensor Added(BiasTables bias, SequencePack pack, Device device)
    {
        long length = pack.Longest;
        Tensor places = arange(length, device: device);
        Tensor between = (places.unsqueeze(1) - places).clamp_min(0); // [L, L] items from j to i
        Tensor added = bias.Distance.index_select(1, between.flatten()).view(1, -1, length, length); // [1, H, L, L]
        if (bias.Time is not null)
        {
            Tensor byTime = bias.Time.index_select(1, Buckets(pack, device)); // [H, B * L * L]
            added = added + byTime.view(-1, pack.Count, length, length).transpose(0, 1); // [B, H, L, L]
        }

        return added.masked_fill(ones(length, length, ScalarType.Bool, device).triu(1), float.NegativeInfinity);
    }

    /// <returns>[B * L * L] int64; 0 if there is no pair.</returns>
    private static Tensor Buckets(SequencePack pack, Device device)
    {
        int length = pack.Longest;
        long[] buckets = new long[pack.Count * length * length];
        for (int b = 0; b < pack.Count; b++)
        {
            for (int i = 0; i < pack.Offsets[b + 1] - pack.Offsets[b]; i++)
            {
                ReadOnlySpan<byte> row = pack.TimeBuckets!.Row(b, i);
                for (int j = 0; j < row.Length; j++)
                {
                    buckets[(((b * length) + i) * length) + j] = row[j];
                }
            }
        }

        return tensor(buckets, device: device);
    }
}

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
        var kernel = new AttentionKernel(shape, pack, bias, (int)qkv.shape[1] / 3, dropoutKey);
        Tensor dense = qkv.contiguous(); // [P, 3D]
        Tensor output = bias switch
        {
            _ when !is_grad_enabled() => kernel.Forward(dense),
            null => AttentionFunction.apply(kernel, dense),
            { Time: null } => AttentionFunction.apply(kernel, dense, bias.Distance),
            _ => AttentionFunction.apply(kernel, dense, bias.Distance, bias.Time),
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
