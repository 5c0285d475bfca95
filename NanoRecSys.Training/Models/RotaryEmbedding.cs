using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Rotary position embedding in the rotate-half form (Su et al., 2021): attention sees only how far apart two
/// items are, so it does not matter where in a batch a sequence begins.
/// </summary>
public static class RotaryEmbedding
{
    /// <summary>[d / 2], in float32 as the network turns by them: at position 200 their rounding is visible.</summary>
    public static float[] Frequencies(int headDimension, double ropeBase) =>
        [.. Enumerable.Range(0, headDimension / 2).Select(i => 1f / MathF.Pow((float)ropeBase, 2f * i / headDimension))];

    /// <summary>Cosines and sines, each [P, headDimension].</summary>
    /// <param name="positions">[P] int64</param>
    /// <param name="headDimension">d, even.</param>
    /// <param name="ropeBase">The slowest frequency is about 1 / base.</param>
    public static (Tensor Cos, Tensor Sin) Angles(Tensor positions, int headDimension, double ropeBase)
    {
        ArgumentNullException.ThrowIfNull(positions);
        using var scope = NewDisposeScope();
        Tensor frequencies = tensor(Frequencies(headDimension, ropeBase), device: positions.device); // [d / 2]
        Tensor angles = outer(positions.to(float32), frequencies); // [P, d / 2]
        Tensor both = cat([angles, angles], -1); // [P, d]
        return (both.cos().MoveToOuterDisposeScope(), both.sin().MoveToOuterDisposeScope());
    }

    /// <param name="qkv">[P, 3D]</param>
    /// <param name="cos">[P, d]</param>
    /// <param name="sin">[P, d]</param>
    /// <param name="heads">H; D = H d.</param>
    /// <returns>[P, 3D], the values as they were.</returns>
    public static Tensor RotateQueriesAndKeys(Tensor qkv, Tensor cos, Tensor sin, int heads)
    {
        ArgumentNullException.ThrowIfNull(qkv);
        ArgumentNullException.ThrowIfNull(cos);
        ArgumentNullException.ThrowIfNull(sin);
        using var scope = NewDisposeScope();
        long width = qkv.shape[1] / 3;
        Tensor[] parts = qkv.split([2 * width, width], 1); // [P, 2D], [P, D]
        Tensor x = parts[0].view(-1, 2 * heads, width / heads); // [P, 2H, d]
        Tensor[] halves = x.chunk(2, -1); // 2 x [P, 2H, d / 2]
        Tensor turned = (x * cos.unsqueeze(1)).Plus(cat([-halves[1], halves[0]], -1) * sin.unsqueeze(1)); // [P, 2H, d]
        return cat([turned.view(-1, 2 * width), parts[1]], 1).MoveToOuterDisposeScope();
    }
}
