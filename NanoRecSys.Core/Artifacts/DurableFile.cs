namespace NanoRecSys.Core.Artifacts;

/// <summary>Small files that must be whole after a crash: written aside, flushed to the disk, renamed.</summary>
internal static class DurableFile
{
    public const string TemporarySuffix = ".tmp";

    public static void Replace(string path, byte[] content)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
        try
        {
            using (FileStream file = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }
}

/// <summary>Gives one process at a time the use of a folder for one purpose.</summary>
/// <remarks>The lock is an open file without sharing: the operating system releases it however the process ends.</remarks>
internal static class FolderLock
{
    // HResult of opening a file that another process holds: ERROR_SHARING_VIOLATION, and EWOULDBLOCK on macOS and Linux.
    private static readonly int SharingViolation =
        OperatingSystem.IsWindows() ? unchecked((int)0x80070020) : OperatingSystem.IsMacOS() ? 35 : 11;

    /// <param name="folder">Created if missing.</param>
    /// <param name="purpose">Part of the lock file's name, <c>.PURPOSE.lock</c>.</param>
    /// <returns>The lock, held until disposed; null where another process holds it.</returns>
    /// <exception cref="ArtifactException">The folder cannot be created or written to.</exception>
    public static IDisposable? TryTake(string folder, string purpose)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return new FileStream(Path.Combine(folder, $".{purpose}.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (e.HResult == SharingViolation)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ArtifactException($"The folder {folder} cannot be used: {e.Message} Fix its permissions, or choose another artifacts folder.", e);
        }
    }
}
