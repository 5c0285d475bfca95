using System.Globalization;
using System.Reflection;
using NanoRecSys.Training.Pipeline;
using TorchSharp;

namespace NanoRecSys.Training.Models;

/// <summary>What <c>--device</c> may name, and whether this build's libtorch has it.</summary>
internal static class TorchDevice
{
    public const string Auto = "auto";
    private const string Cpu = "cpu";
    private const string Cuda = "cuda";

    /// <summary>Whether the build property <c>TorchDevice</c> was <c>cuda</c>.</summary>
    private static bool IsCudaBuild => typeof(TorchDevice).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Any(entry => entry is { Key: nameof(TorchDevice), Value: Cuda });

    /// <summary>Whether it is <c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public static bool IsName(string device) => device is Auto or Cpu or Cuda || IndexOf(device) is not null;

    /// <summary>
    /// The device that was asked for, <c>auto</c> being a GPU where there is one. A GPU that is not there is refused
    /// before anything is computed; the CPU costs nothing to ask for.
    /// </summary>
    /// <exception cref="UserErrorException">torch has no such device.</exception>
    public static string Resolve(string device) => Resolve(device, IsCudaBuild, CountGpus);

    /// <param name="device">A name.</param>
    /// <param name="isCudaBuild">Whether this build's libtorch can use a GPU.</param>
    /// <param name="countGpus">Loads torch, so it is only asked where it matters.</param>
    internal static string Resolve(string device, bool isCudaBuild, Func<int> countGpus)
    {
        if (device == Cpu || (device == Auto && !isCudaBuild))
        {
            return Cpu;
        }

        int gpus = isCudaBuild ? countGpus() : 0;
        if (device == Auto)
        {
            return gpus > 0 ? Cuda : Cpu;
        }

        if (gpus == 0)
        {
            throw new UserErrorException(isCudaBuild
                ? $"--device {device} is not available: torch finds no NVIDIA GPU with a driver for CUDA 12.8. Use --device cpu."
                : $"--device {device} is not available: this build has the CPU's libtorch. Build with -p:TorchDevice=cuda, or use --device cpu.");
        }

        return IndexOf(device) is { } index && index >= gpus
            ? throw new UserErrorException($"--device {device} is not available: the last GPU here is cuda:{gpus - 1}.")
            : device;
    }

    private static int? IndexOf(string device) =>
        device.StartsWith(Cuda + ":", StringComparison.Ordinal)
        && int.TryParse(device.AsSpan(Cuda.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int index) ? index : null;

    private static int CountGpus()
    {
        LibTorch.Load();
        try
        {
            return torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        }
        catch (NotSupportedException)
        {
            return 0; // How TorchSharp says that it finds no native library for CUDA.
        }
    }
}
