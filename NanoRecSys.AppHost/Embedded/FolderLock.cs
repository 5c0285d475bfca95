namespace NanoRecSys.AppHost.Embedded;

/// <summary>Keeps a second host away from what one host owns, for as long as the first one lives.</summary>
/// <remarks>An open file without sharing: the operating system lets go of it however the owner ends.</remarks>
internal static class FolderLock
{
    /// <returns>Held until disposed; null where another process holds it.</returns>
    public static IDisposable? TryTake(string folder, string name)
    {
        Directory.CreateDirectory(folder);
        try
        {
            return new FileStream(Path.Combine(folder, $".{name}.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
