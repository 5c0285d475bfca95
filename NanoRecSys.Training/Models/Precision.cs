using NanoRecSys.Training.Kernels;
using TorchSharp;
using TorchSharp.Modules;
using TorchSharp.Utils;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

internal static class Precision
{
    private const string ProcessorFlags = "/proc/cpuinfo";

    /// <summary>Rows of a reduced product are a multiple of this. oneDNN generates about 120 KB of code for each new shape and keeps a thousand of
    /// them per thread: with arbitrary numbers of rows, a training's memory grew by a gigabyte.</summary>
    public const int RowMultiple = 128;

    /// <param name="wanted">The setting; null: only if faster.</param>
    public static bool IsReduced(bool? wanted, Device device) => wanted ?? (device.type == DeviceType.CUDA || HasInstructions);

    /// <summary>a · b, in bfloat16 with sums in fp32 if reduced; the result is fp32.</summary>
    /// <param name="a">[n, k]</param>
    /// <param name="b">[k, m]</param>
    /// <returns>[n, m]</returns>
    public static Tensor Product(Tensor a, Tensor b, bool isReduced)
    {
        if (!isReduced)
        {
            return a.matmul(b);
        }

        using var scope = NewDisposeScope();
        (long rows, long columns) = (a.shape[0], b.shape[1]);
        Tensor product = NarrowProduct(WholeRows(a), Pad(b, [0, Missing(columns)]), isReduced); // padded to multiples
        return product[..(int)rows, ..(int)columns].to(float32).MoveToOuterDisposeScope();
    }

    /// <summary>The same, returned in the type of the multiplication; the sides must be multiples of <see cref="RowMultiple"/>.</summary>
    public static Tensor NarrowProduct(Tensor a, Tensor b, bool isReduced)
    {
        using var scope = NewDisposeScope();
        ScalarType type = isReduced ? bfloat16 : float32;
        return a.to(type).matmul(b.to(type)).MoveToOuterDisposeScope();
    }

    /// <summary>Padded with rows of zeros to a multiple of <see cref="RowMultiple"/>.</summary>
    /// <param name="x">[..., n, k]</param>
    internal static Tensor WholeRows(Tensor x) => Pad(x, [0, 0, 0, Missing(x.shape[^2])]);

    private static long Missing(long count) => (RowMultiple - count % RowMultiple) % RowMultiple;

    /// <summary>Pads a tensor with zeros; returns the tensor itself if there is nothing to add.</summary>
    internal static Tensor Pad(Tensor tensor, long[] by) => by[^1] == 0 ? tensor : nn.functional.pad(tensor, by);

    // .NET 10 detects AVX512-BF16 only as part of AVX10; without these instructions, bfloat16 is slower than fp32.
    private static bool HasInstructions { get; } =
        OperatingSystem.IsLinux() && File.Exists(ProcessorFlags) && File.ReadLines(ProcessorFlags).Any(line =>
            line.StartsWith("flags", StringComparison.Ordinal) && line.Contains(" avx512_bf16", StringComparison.Ordinal));
}

/// <summary>x W' + b, initialized Xavier-uniform with a zero bias. Its products may be in bfloat16 with sums in fp32, which is 3.4 times as fast on
/// processors with AVX512-BF16 (12,800 x 64 x 256: 2.0 ms instead of 7.0, one thread).</summary>
internal sealed class MixedLinear : nn.Module<Tensor, Tensor>
{
    [ComponentName(Name = "weight")]
    private readonly Parameter _weight; // [out, in]
    [ComponentName(Name = "bias")]
    private readonly Parameter? _bias; // [out]

    public MixedLinear(int inputs, int outputs, bool hasBias, double gain = 1)
        : base(nameof(MixedLinear))
    {
        _weight = new Parameter(empty(outputs, inputs));
        nn.init.xavier_uniform_(_weight, gain);
        if (hasBias)
        {
            _bias = new Parameter(zeros(outputs));
        }

        RegisterComponents();
    }

    public bool IsReduced { get; set; }

    /// <param name="x">[..., n, in]</param>
    /// <returns>[..., n, out]</returns>
    public override Tensor forward(Tensor x) => Apply(x, NetworkOperations.Torch);

    /// <param name="x">[..., n, in]</param>
    /// <returns>[..., n, out]</returns>
    public Tensor Apply(Tensor x, NetworkOperations operations)
    {
        if (!IsReduced)
        {
            return nn.functional.linear(x, _weight, _bias);
        }

        using var scope = NewDisposeScope();
        Tensor product = Product(Precision.WholeRows(x)); // [..., out], possibly with padding rows
        product = product.shape[^2] == x.shape[^2] ? product : product.narrow(-2, 0, x.shape[^2]);
        return (_bias is null ? product.to(float32) : operations.Widen(product, _bias)).MoveToOuterDisposeScope();
    }

    /// <summary>x W' without the bias, in the type of the multiplication.</summary>
    /// <param name="x">[..., in] fp32, or that type.</param>
    /// <returns>[..., out]</returns>
    public Tensor Product(Tensor x)
    {
        using var scope = NewDisposeScope();
        return Precision.NarrowProduct(x, _weight.t(), IsReduced).MoveToOuterDisposeScope();
    }
}

/// <summary>Sums that several threads may compute at once. TorchSharp's operators create a scalar (the second term's factor) for each call and drop
/// the reference before native code has read it: a garbage collection on another thread may free it, and the step fails with "Expected false to
/// be true". Here the factor is kept alive.</summary>
internal static class TensorSums
{
    private static readonly Scalar One = 1;

    public static Tensor Plus(this Tensor a, Tensor b) => a.add(b, One);

    public static void Add(this Tensor sum, Tensor term) => sum.add_(term, One);
}
