using System.Globalization;
using NanoRecSys.Training.Pipeline;
using TorchSharp;

namespace NanoRecSys.Training.Models;

/// <summary>What <c>--device</c> may name, and whether this build's libtorch has it.</summary>
internal static class TorchDevice
{
    public const string Cpu = "cpu";
    private const string Cuda = "cuda";

    /// <summary>Whether it is <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</summary>
    public static bool IsName(string device) => device is Cpu or Cuda || IndexOf(device) is not null;

    /// <summary>Refuses a GPU that is not there before anything is computed; the CPU costs nothing to ask for.</summary>
    /// <exception cref="UserErrorException">torch has no such device.</exception>
    public static void Require(string device)
    {
        if (device == Cpu)
        {
            return;
        }

        int gpus = CountGpus();
        if (gpus == 0)
        {
            throw new UserErrorException($"--device {device} is not available: this build has the CPU's libtorch, and cuda needs a CUDA build of it. Use --device cpu.");
        }

        if (IndexOf(device) is { } index && index >= gpus)
        {
            throw new UserErrorException($"--device {device} is not available: the last GPU here is cuda:{gpus - 1}.");
        }
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
