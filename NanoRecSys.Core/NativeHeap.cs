using System.Runtime.InteropServices;

namespace NanoRecSys.Core;

/// <summary>Memory settings of the C library for native code, set once at program start. Only glibc has them.</summary>
internal static partial class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MapThreshold = -3;
    private const int MostArenas = -8;

    // The largest value that glibc accepts; larger blocks are always mapped.
    private const int LargestMapThreshold = 32 << 20;

    /// <summary>
    /// For training: by default a large tensor's memory is returned to the kernel, and the next tensor's is requested again, page by
    /// page. That took a fifth of the training time.
    /// </summary>
    public static void KeepFreedMemory() => Set((MapThreshold, LargestMapThreshold), (TrimThreshold, int.MaxValue), (TopPad, LargestMapThreshold));

    /// <summary>
    /// For services: by default each allocating thread gets an arena, up to eight per core, and the memory that a replaced model leaves
    /// in one arena cannot be used by the others.
    /// </summary>
    public static void ShareArenas() => Set((MostArenas, 2));

    private static void Set(params ReadOnlySpan<(int Option, int Value)> options)
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            foreach ((int option, int value) in options)
            {
                _ = SetOption(option, value);
            }
        }
        catch (EntryPointNotFoundException)
        {
            // Other C libraries, such as musl, do not have these options.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
