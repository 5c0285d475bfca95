using System.Reflection;
using System.Security.Cryptography;
using TorchSharp;

namespace NanoRecSys.Training.Models;

/// <summary>Loads TorchSharp's native library, even on Linux hosts whose libstdc++ is older than the one it was built with (Debian 12, Ubuntu 22.04):
/// there, a copy without that requirement is made in the user's cache folder.</summary>
internal static class LibTorch
{
    private const string Library = "libLibTorchSharp.so";

    // In order of dependency; the copy's own search path does not find them.
    private static readonly string[] Dependencies = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];

    private static readonly Lazy<bool> Loaded = new(LoadOnce);

    /// <summary>Makes <c>torch</c> usable. Cheap to call again; the first call takes about a second.</summary>
    /// <exception cref="InvalidDataException">The native library is not what this release expects.</exception>
    public static bool Load() => Loaded.Value;

    /// <summary>The library shipped with this program; null if the platform has another form of it.</summary>
    public static string? FindShippedLibrary()
    {
        string[] folders =
        [
            AppContext.BaseDirectory,
            Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native"),
        ];
        return folders.Select(folder => Path.Combine(folder, Library)).FirstOrDefault(File.Exists);
    }

    /// <summary>Writes a patched copy of <paramref name="source"/> to <paramref name="cacheFolder"/>, unless it is there already.</summary>
    /// <returns>The copy's path; its folder is named after the source's content, so that releases do not collide.</returns>
    public static string WritePatchedCopy(string source, string cacheFolder)
    {
        byte[] image = File.ReadAllBytes(source);
        string content = Convert.ToHexStringLower(SHA256.HashData(image))[..16];
        string folder = Path.Combine(cacheFolder, content);
        string copy = Path.Combine(folder, Library);
        if (!File.Exists(copy) || new FileInfo(copy).Length != image.Length)
        {
            ElfSymbolPatch.DropVersion(image, ElfSymbolPatch.LibTorchSharp);
            Directory.CreateDirectory(folder);

            AtomicFile.Write(copy, image); // another process may be starting
        }

        return copy;
    }

    private static bool LoadOnce()
    {
        OpenMpWaiting.Sleep();
        NativeHeap.KeepFreedMemory();
        bool isPatched = false;
        if (HostLacksSymbol() && FindShippedLibrary() is string shipped)
        {
            string cache = Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.Create),
                "nanorecsys", "native");
            LoadPatched(shipped, WritePatchedCopy(shipped, cache));
            isPatched = true;
        }

        torch.InitializeDeviceType(DeviceType.CPU);
        return isPatched;
    }

    // dlopen reuses a loaded library for later requests with the same name.
    private static void LoadPatched(string shipped, string copy)
    {
        string folder = Path.GetDirectoryName(shipped)!;
        foreach (string dependency in Dependencies)
        {
            NativeLibrary.Load(Path.Combine(folder, dependency));
        }

        nint handle = NativeLibrary.Load(copy);
        Assembly torchSharp = typeof(torch).Assembly;
        NativeLibrary.SetDllImportResolver(torchSharp, (name, _, _) => name == "LibTorchSharp" ? handle : 0);
    }

    private static bool HostLacksSymbol() =>
        OperatingSystem.IsLinux()
        && RuntimeInformation.ProcessArchitecture == Architecture.X64
        && NativeLibrary.TryLoad("libstdc++.so.6", out nint library)
        && !NativeLibrary.TryGetExport(library, ElfSymbolPatch.LibTorchSharp.Symbol, out _);
}

/// <summary>Lets torch's threads sleep while they wait for each other. By default they spin, which starves the thread they wait for when other
/// programs need the cores: two short epochs on two cores next to some twenty busy processes took 14 s sleeping, a single one 79 s spinning.</summary>
internal static partial class OpenMpWaiting
{
    private const string Policy = "OMP_WAIT_POLICY";

    /// <summary>Only effective before libtorch is loaded; keeps a policy set by the user.</summary>
    public static void Sleep()
    {
        if (OperatingSystem.IsLinux())
        {
            // .NET has its own copy of the environment; the native library reads libc's.
            _ = SetNativeVariable(Policy, "passive", overwrite: 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);
}

internal static class TorchDevice
{
    public const string Auto = "auto";
    private const string Cpu = "cpu";
    private const string Cuda = "cuda";

    private static bool IsCudaBuild => typeof(TorchDevice).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Any(entry => entry is { Key: nameof(TorchDevice), Value: Cuda });

    public static bool IsName(string device) => device is Auto or Cpu or Cuda || IndexOf(device) is not null;

    /// <summary>The configured device; <c>auto</c> is a GPU if there is one. A missing GPU is reported before anything is computed; choosing
    /// the CPU loads nothing.</summary>
    public static string Resolve(string device) => Resolve(device, IsCudaBuild, CountGpus);

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
            return 0; // TorchSharp throws this if there is no native library for CUDA.
        }
    }
}
