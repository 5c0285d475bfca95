using NanoRecSys.Training.Models.Attention;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Fused;

/// <summary>
/// What stands between the products of the network, each in one pass over memory, forward and back. Torch takes one
/// pass for each multiplication and addition, and keeps what each leaves: at width 128 that was half of a step's time.
/// </summary>
internal static class FusedSteps
{
    public const int Lanes = 16;

    /// <summary>Whether a network takes these steps; if not, torch's operators do the same.</summary>
    /// <param name="x">[P, D]</param>
    public static bool Take(Tensor x) => PackedAttention.HasKernel(x.device) && x.shape[^1] % Lanes == 0;

    /// <summary>RMSNorm(x) * weight.</summary>
    /// <param name="x">[P, D] fp32.</param>
    /// <param name="weight">[D]</param>
    /// <param name="type">Of the result: fp32, or bfloat16 where a product in it follows.</param>
    public static Tensor Norm(Tensor x, Tensor weight, ScalarType type) => NormFunction.apply(x.contiguous(), weight, type);

    /// <summary>Drop(silu(gate) * value).</summary>
    /// <param name="gateAndValue">[P, 2F] the gates first.</param>
    /// <param name="mask">What is dropped.</param>
    /// <returns>[P, F] in the argument's type.</returns>
    public static Tensor SwiGlu(Tensor gateAndValue, DropoutMask mask) => SwiGluFunction.apply(gateAndValue.contiguous(), mask);

    /// <summary>x + Drop(sigmoid(gate) * update).</summary>
    /// <param name="x">[P, D] fp32.</param>
    /// <param name="update">[P, D] fp32 or bfloat16.</param>
    /// <param name="gate">[P, D] fp32; null: the update counts whole.</param>
    /// <param name="mask">What is dropped.</param>
    /// <returns>[P, D] fp32.</returns>
    public static Tensor Add(Tensor x, Tensor update, Tensor? gate, DropoutMask mask) => gate is null
        ? ResidualFunction.apply(mask, x.contiguous(), update.contiguous())
        : ResidualFunction.apply(mask, x.contiguous(), update.contiguous(), gate.contiguous());

    /// <summary>A product in bfloat16 as fp32, and a bias on it.</summary>
    /// <param name="product">[P, D]</param>
    /// <param name="bias">[D]</param>
    public static Tensor Widen(Tensor product, Tensor bias) => WidenFunction.apply(product.contiguous(), bias);
}
