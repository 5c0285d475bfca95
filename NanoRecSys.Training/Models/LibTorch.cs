using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using NanoRecSys.Core;
using TorchSharp;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Loads TorchSharp's native library, also on Linux hosts whose libstdc++ is older than the one it was built
/// with (Debian 12, Ubuntu 22.04): there a copy without that demand is made in the user's cache folder.
/// </summary>
public static class LibTorch
{
    private const string Library = "libLibTorchSharp.so";

    // In the order of their dependencies; the copy's own search path does not lead to them.
    private static readonly string[] Dependencies = ["libc10.so", "libtorch_cpu.so", "libtorch.so"];

    private static readonly Lazy<bool> Loaded = new(LoadOnce);

    /// <summary>Makes <c>torch</c> usable. Cheap to call again; the first call takes about a second.</summary>
    /// <returns>True where the patched copy was needed.</returns>
    /// <exception cref="InvalidDataException">The native library is not what this release expects.</exception>
    public static bool Load() => Loaded.Value;

    /// <summary>The library as this program was shipped with it, or null where the platform has another form of it.</summary>
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
    /// <returns>The copy's path; its folder is named after the source's content, so that releases do not meet.</returns>
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

            // Written aside and renamed: a process that starts at the same time sees all of it or nothing.
            string temporary = $"{copy}.{Guid.NewGuid():N}.tmp";
            File.WriteAllBytes(temporary, image);
            File.Move(temporary, copy, overwrite: true);
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

    // dlopen takes an already loaded library for any later request of the same name.
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
