using System.Runtime.InteropServices;

namespace NanoRecSys.Core;

/// <summary>How the C library keeps the memory of native code, set once at a program's start. Only glibc has a choice.</summary>
internal static partial class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MapThreshold = -3;
    private const int MostArenas = -8;

    // The largest that glibc takes; what is larger still is mapped.
    private const int LargestMapThreshold = 32 << 20;

    /// <summary>
    /// For trainings: by default a large tensor's memory goes back to the kernel and the next one's is asked for anew, page by
    /// page. A fifth of a training's time went there.
    /// </summary>
    public static void KeepFreedMemory() => Set((MapThreshold, LargestMapThreshold), (TrimThreshold, int.MaxValue), (TopPad, LargestMapThreshold));

    /// <summary>
    /// For services: by default each thread that allocates gets an arena, eight per core, and what a model leaves in one when
    /// another takes its place is of no use to the others.
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
            // Another C library, such as musl, has no such options.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
