using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Rotary position embedding in the rotate-half form (Su et al., 2021): attention sees only how far apart two
/// items are, so padding in front of a history changes nothing.
/// </summary>
public static class RotaryEmbedding
{
    /// <summary>Cosines and sines for positions 0..length-1, each [length, headDimension].</summary>
    public static (Tensor Cos, Tensor Sin) Angles(int length, int headDimension, double ropeBase, Device device)
    {
        using var scope = NewDisposeScope();
        Tensor exponents = arange(0, headDimension, 2, ScalarType.Float32, device) / headDimension; // [hd / 2]
        Tensor frequencies = pow(ropeBase, -exponents); // [hd / 2]
        Tensor angles = outer(arange(length, ScalarType.Float32, device), frequencies); // [L, hd / 2]
        Tensor both = cat([angles, angles], -1); // [L, hd]
        return (both.cos().MoveToOuterDisposeScope(), both.sin().MoveToOuterDisposeScope());
    }

    /// <param name="x">[B, H, L, hd]</param>
    /// <param name="cos">[L, hd]</param>
    /// <param name="sin">[L, hd]</param>
    public static Tensor Rotate(Tensor x, Tensor cos, Tensor sin)
    {
        using var scope = NewDisposeScope();
        Tensor[] halves = x.chunk(2, -1); // 2 x [B, H, L, hd / 2]
        Tensor rotated = cat([-halves[1], halves[0]], -1); // [B, H, L, hd]
        return (x * cos + rotated * sin).MoveToOuterDisposeScope();
    }
}
