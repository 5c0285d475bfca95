using System.Runtime.InteropServices;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Lets the C library keep freed memory. By default it returns each large tensor's to the kernel and asks for the next
/// one's anew, page by page: a fifth of a training's time went there.
/// </summary>
internal static partial class NativeHeap
{
    private const int TrimThreshold = -1;
    private const int TopPad = -2;
    private const int MapThreshold = -3;

    // The largest that glibc takes; what is larger still is mapped.
    private const int LargestMapThreshold = 32 << 20;

    public static void KeepFreedMemory()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        try
        {
            _ = SetOption(MapThreshold, LargestMapThreshold);
            _ = SetOption(TrimThreshold, int.MaxValue);
            _ = SetOption(TopPad, LargestMapThreshold);
        }
        catch (EntryPointNotFoundException)
        {
            // Another C library, such as musl, has no such options.
        }
    }

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int SetOption(int option, int value);
}
