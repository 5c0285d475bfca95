namespace NanoRecSys.AppHost.Embedded;

/// <summary>Keeps a second host away from what one host owns, for as long as the first one lives.</summary>
/// <remarks>An open file without sharing: the operating system lets go of it however the owner ends.</remarks>
internal static class FolderLock
{
    // What an open file without sharing is refused with: ERROR_SHARING_VIOLATION, EWOULDBLOCK of macOS and of Linux.
    private static readonly int SharingViolation =
        OperatingSystem.IsWindows() ? unchecked((int)0x80070020) : OperatingSystem.IsMacOS() ? 35 : 11;

    /// <returns>Held until disposed; null where another process holds it.</returns>
    /// <exception cref="HostException">The folder cannot be made or written to.</exception>
    public static IDisposable? TryTake(string folder, string name)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return new FileStream(Path.Combine(folder, $".{name}.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == SharingViolation)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new HostException($"The folder {folder} cannot be used: {e.Message} Mend that, or name another with --artifacts.", e);
        }
    }
}
