using System.Runtime.InteropServices;

namespace NanoRecSys.Training.Models;

/// <summary>
/// Lets torch's threads sleep while they wait for each other. By default they spin, which starves the very
/// thread they wait for where other programs want the cores: two short epochs on two cores beside some twenty
/// busy processes took 14 s asleep, one alone 79 s spinning.
/// </summary>
internal static partial class OpenMpWaiting
{
    private const string Policy = "OMP_WAIT_POLICY";

    /// <summary>Has an effect only before libtorch is loaded; a policy that the user has set stays.</summary>
    public static void Sleep()
    {
        if (OperatingSystem.IsLinux())
        {
            // .NET keeps an environment of its own; the native library reads libc's.
            _ = SetNativeVariable(Policy, "passive", overwrite: 0);
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetNativeVariable(string name, string value, int overwrite);
}
