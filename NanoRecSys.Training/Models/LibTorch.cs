using System.Buffers.Binary;
using System.Reflection;
using System.Security.Cryptography;
using TorchSharp;

namespace NanoRecSys.Training.Models;

/// <summary>Loads TorchSharp's native library, even on Linux hosts whose libstdc++ is older than the one it was built with (Debian 12, Ubuntu 22.04):
/// there, a copy without that requirement is made in the user's cache folder.</summary>
internal static partial class LibTorch
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
            ElfSymbolPatch.DropVersion(image);
            Directory.CreateDirectory(folder);

            AtomicFile.Write(copy, image); // another process may be starting
        }

        return copy;
    }

    private static bool LoadOnce()
    {
        LetThreadsSleep();
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

    /// <summary>Lets torch's threads sleep while they wait for each other. By default they spin, which starves the thread they wait for when other
    /// programs need the cores: two short epochs on two cores next to some twenty busy processes took 14 s sleeping, a single one 79 s spinning.
    /// Only effective before libtorch is loaded; keeps a policy set by the user.</summary>
    private static void LetThreadsSleep()
    {
        if (OperatingSystem.IsLinux())
        {
            // .NET has its own copy of the environment; the native library reads libc's.
            _ = SetNativeVariable("OMP_WAIT_POLICY", "passive", overwrite: 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);

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
        && !NativeLibrary.TryGetExport(library, ElfSymbolPatch.Symbol, out _);
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

/// <summary>Removes one symbol-version requirement from a 64-bit little-endian ELF library. Only the tables that the dynamic linker reads are
/// changed, in place: no offset changes.</summary>
internal static class ElfSymbolPatch
{
    /// <summary>The symbol ensures that iostreams are initialized; libstdc++ before 3.4.32 does that itself in every library, so a call without
    /// effect can replace it there.</summary>
    public const string Symbol = "_ZSt21ios_base_library_initv";

    private const string Version = "GLIBCXX_3.4.32";
    private const string OlderVersion = "GLIBCXX_3.4.30"; // required in any case
    private const string Substitute = "sched_yield"; // a libc function without arguments; its name is no longer than the symbol's

    private const int SectionEntryBytes = 64;
    private const int SymbolEntryBytes = 24;
    private const uint DynamicSymbols = 11; // SHT_DYNSYM
    private const uint SymbolVersions = 0x6fffffff; // SHT_GNU_versym
    private const uint VersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort GlobalVersion = 1; // VER_NDX_GLOBAL: of any version

    /// <param name="image">The whole file; changed in place.</param>
    /// <exception cref="InvalidDataException">Not such a library, or one without this requirement.</exception>
    public static void DropVersion(Span<byte> image)
    {
        ReadOnlySpan<byte> magic = [0x7F, (byte)'E', (byte)'L', (byte)'F', 2, 1];
        InvalidDataException.ThrowIf(image.Length < SectionEntryBytes || !image.StartsWith(magic), $"Not a 64-bit little-endian ELF library.");

        try
        {
            Section symbols = FindSection(image, DynamicSymbols);
            Section strings = SectionAt(image, (int)symbols.Link);
            RenameVersion(image, FindSection(image, VersionNeeds), strings);
            RenameSymbol(image, symbols, FindSection(image, SymbolVersions), strings);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException("The ELF library's tables point outside of it.", e);
        }
    }

    // Version needs: per library, a list of (hash, flags, index, name, next).
    private static void RenameVersion(Span<byte> image, Section needs, Section strings)
    {
        int newer = -1;
        int older = -1;
        for (int need = needs.Offset, more = 1; more != 0; need += more)
        {
            for (int entry = need + (int)UInt32(image, need + 8), next = 1; next != 0; entry += next)
            {
                string name = StringAt(image, strings, (int)UInt32(image, entry + 8));
                newer = name == Version ? entry : newer;
                older = name == OlderVersion ? entry : older;
                next = (int)UInt32(image, entry + 12);
            }

            more = (int)UInt32(image, need + 12);
        }

        InvalidDataException.ThrowIf(newer < 0 || older < 0, $"The library does not ask for both {Version} and {OlderVersion}.");

        image.Slice(older, 4).CopyTo(image[newer..]); // hash of the name
        image.Slice(older + 8, 4).CopyTo(image[(newer + 8)..]); // the name's offset
    }

    private static void RenameSymbol(Span<byte> image, Section symbols, Section versions, Section strings)
    {
        for (int i = 0; i < symbols.Size / SymbolEntryBytes; i++)
        {
            int entry = symbols.Offset + i * SymbolEntryBytes;
            int name = (int)UInt32(image, entry);
            bool isUndefined = BinaryPrimitives.ReadUInt16LittleEndian(image[(entry + 6)..]) == 0;
            if (isUndefined && StringAt(image, strings, name) == Symbol)
            {
                // Overwriting the name is safe: undefined symbols are not in a hash table.
                int length = Encoding.ASCII.GetBytes(Substitute, image[(strings.Offset + name)..]);
                image[strings.Offset + name + length] = 0;
                BinaryPrimitives.WriteUInt16LittleEndian(image[(versions.Offset + 2 * i)..], GlobalVersion);
                return;
            }
        }

        throw new InvalidDataException($"The library does not ask for {Symbol}.");
    }

    private static Section FindSection(ReadOnlySpan<byte> image, uint type)
    {
        int count = BinaryPrimitives.ReadUInt16LittleEndian(image[60..]);
        for (int i = 0; i < count; i++)
        {
            Section section = SectionAt(image, i);
            if (section.Type == type)
            {
                return section;
            }
        }

        throw new InvalidDataException($"The ELF library has no section of type 0x{type:x}.");
    }

    private static Section SectionAt(ReadOnlySpan<byte> image, int index)
    {
        int header = (int)BinaryPrimitives.ReadInt64LittleEndian(image[40..]) + index * SectionEntryBytes;
        return new Section(
            UInt32(image, header + 4),
            (int)BinaryPrimitives.ReadInt64LittleEndian(image[(header + 24)..]),
            (int)BinaryPrimitives.ReadInt64LittleEndian(image[(header + 32)..]),
            UInt32(image, header + 40));
    }

    private static uint UInt32(ReadOnlySpan<byte> image, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(image[offset..]);

    private static string StringAt(ReadOnlySpan<byte> image, Section strings, int offset)
    {
        ReadOnlySpan<byte> rest = image.Slice(strings.Offset, strings.Size)[offset..];
        int end = rest.IndexOf((byte)0);
        return Encoding.ASCII.GetString(rest[..Math.Max(end, 0)]);
    }

    private readonly record struct Section(uint Type, int Offset, int Size, uint Link);
}
