using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>Whether training multiplies in bfloat16.</summary>
public static class Precision
{
    private const string ProcessorFlags = "/proc/cpuinfo";

    /// <param name="wanted">Null: where it is faster.</param>
    /// <param name="device">Of the training.</param>
    public static bool IsReduced(bool? wanted, Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return wanted ?? (device.type == DeviceType.CUDA || HasInstructions);
    }

    // .NET has no name for AVX512-BF16 before its AVX10; without the instructions bfloat16 is slower than fp32.
    private static bool HasInstructions { get; } =
        OperatingSystem.IsLinux() && File.Exists(ProcessorFlags) && File.ReadLines(ProcessorFlags).Any(line =>
            line.StartsWith("flags", StringComparison.Ordinal) && line.Contains(" avx512_bf16", StringComparison.Ordinal));
}
