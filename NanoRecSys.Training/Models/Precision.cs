using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Whether training, and validation in it, multiply in bfloat16.</summary>
public static class Precision
{
    private const string ProcessorFlags = "/proc/cpuinfo";

    /// <summary>
    /// Rows of a reduced product come in multiples of this. oneDNN makes a program of some 120 KB for each shape that it
    /// meets and keeps a thousand of them per thread: with any number of rows a training grew by a gigabyte so.
    /// </summary>
    public const int RowMultiple = 128;

    /// <param name="wanted">Null: where it is faster.</param>
    /// <param name="device">Of the training.</param>
    public static bool IsReduced(bool? wanted, Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return wanted ?? (device.type == DeviceType.CUDA || HasInstructions);
    }

    /// <summary>a · b, in bfloat16 with sums in fp32 where it is reduced; the result is fp32.</summary>
    /// <param name="a">[n, k]</param>
    /// <param name="b">[k, m]</param>
    /// <param name="isReduced">See <see cref="IsReduced"/>.</param>
    /// <returns>[n, m]</returns>
    public static Tensor Product(Tensor a, Tensor b, bool isReduced)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (!isReduced)
        {
            return a.matmul(b);
        }

        using var scope = NewDisposeScope();
        (long rows, long columns) = (a.shape[0], b.shape[1]);
        Tensor product = NarrowProduct(WholeRows(a), Pad(b, [0, Missing(columns)]), isReduced); // to whole multiples
        return product[..(int)rows, ..(int)columns].to(float32).MoveToOuterDisposeScope();
    }

    /// <summary>The same, left in the type that it is multiplied in, and of the sides that it has: to be multiples of <see cref="RowMultiple"/>.</summary>
    public static Tensor NarrowProduct(Tensor a, Tensor b, bool isReduced)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        using var scope = NewDisposeScope();
        ScalarType type = isReduced ? bfloat16 : float32;
        return a.to(type).matmul(b.to(type)).MoveToOuterDisposeScope();
    }

    /// <summary>With rows of zeros behind its own, up to a multiple of <see cref="RowMultiple"/>.</summary>
    /// <param name="x">[..., n, k]</param>
    internal static Tensor WholeRows(Tensor x) => Pad(x, [0, 0, 0, Missing(x.shape[^2])]);

    private static long Missing(long count) => (RowMultiple - count % RowMultiple) % RowMultiple;

    /// <summary>Zeros behind a tensor's numbers; the tensor itself where there are none to add.</summary>
    /// <param name="tensor">Of any shape.</param>
    /// <param name="by">As torch takes it, the last dimension first.</param>
    internal static Tensor Pad(Tensor tensor, long[] by) => by[^1] == 0 ? tensor : nn.functional.pad(tensor, by);

    // .NET has no name for AVX512-BF16 before its AVX10; without the instructions bfloat16 is slower than fp32.
    private static bool HasInstructions { get; } =
        OperatingSystem.IsLinux() && File.Exists(ProcessorFlags) && File.ReadLines(ProcessorFlags).Any(line =>
            line.StartsWith("flags", StringComparison.Ordinal) && line.Contains(" avx512_bf16", StringComparison.Ordinal));
}
