using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Sums for what several threads compute at once. TorchSharp's operators make a number (the second
/// term's factor) for each call and forget it before the native code has read it: a collection that another thread
/// sets off meanwhile frees it, and the step fails with "Expected false to be true". Here the factor lives for good.
/// </summary>
internal static class TensorSums
{
    private static readonly Scalar One = 1;

    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    public static void Add(this Tensor sum, Tensor term) => sum.add_(term, One);
}
