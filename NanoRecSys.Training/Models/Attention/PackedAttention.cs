using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>Causal attention over packed sequences: by our kernel on a CPU that has its vectors, else by torch.</summary>
public static class PackedAttention
{
    /// <summary>Whether a tensor's attention is the kernel's work.</summary>
    public static bool HasKernel(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return device.type == DeviceType.CPU && Vector512.IsHardwareAccelerated;
    }

    /// <param name="shape">See there.</param>
    /// <param name="qkv">[P, 3D] queries, keys and values.</param>
    /// <param name="bias">Learned additions to the scores, or none.</param>
    /// <param name="pack">Where sequences begin.</param>
    /// <param name="noise">Draws the dropout; null: none.</param>
    /// <returns>[P, D]</returns>
    public static Tensor Apply(AttentionShape shape, Tensor qkv, BiasTables? bias, SequencePack pack, DropoutNoise? noise)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(qkv);
        ArgumentNullException.ThrowIfNull(pack);
        if (!HasKernel(qkv.device))
        {
            return PaddedAttention.Apply(shape, qkv, bias, pack, noise is not null);
        }

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
}

/// <summary>The learned additions to a layer's scores.</summary>
/// <param name="Distance">[H, L] by how many items lie between.</param>
/// <param name="Time">[H, T] by the time between; see <see cref="TimeBuckets"/>.</param>
public sealed record BiasTables(Tensor Distance, Tensor? Time);
