using System.Security.Cryptography;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// Replaces a file: it is written under a temporary name in the same folder, flushed to disk, then renamed. A reader sees the old
/// file or the whole new one, also after a crash.
/// </summary>
internal sealed class AtomicFile(string path) : IDisposable
{
    public const string TemporarySuffix = ".tmp";

    /// <summary>To be written; disposing deletes it unless it was committed.</summary>
    public string TemporaryPath { get; } = NameBeside(path);

    public static void Write(string path, byte[] content) => Write(path, file => file.Write(content));

    public static void Write(string path, Action<FileStream> write)
    {
        using AtomicFile file = new(path);
        using (FileStream stream = new(file.TemporaryPath, FileMode.CreateNew, FileAccess.Write))
        {
            write(stream);
        }

        file.Commit();
    }

    public void Commit()
    {
        using (FileStream written = new(TemporaryPath, FileMode.Open, FileAccess.Write))
        {
            written.Flush(flushToDisk: true);
        }

        File.Move(TemporaryPath, path, overwrite: true);
    }

    public void Dispose() => File.Delete(TemporaryPath);

    internal static string NameBeside(string path) => $"{path}.{Guid.NewGuid():N}{TemporarySuffix}";
}

/// <summary>Replaces a folder: a step that is interrupted leaves the old one whole.</summary>
internal static class AtomicFolder
{
    /// <summary>Has a new folder filled beside the old one, then puts it in its place.</summary>
    public static async Task WriteAsync(string folder, Func<string, Task> write)
    {
        string fresh = AtomicFile.NameBeside(folder);
        Directory.CreateDirectory(fresh);
        try
        {
            await write(fresh);
            Replace(folder, fresh);
        }
        finally
        {
            DeleteIfExists(fresh);
        }
    }

    public static void Replace(string folder, string finished)
    {
        string old = AtomicFile.NameBeside(folder);
        if (Directory.Exists(folder))
        {
            Directory.Move(folder, old);
        }

        Directory.Move(finished, folder);
        DeleteIfExists(old);
    }

    public static void DeleteIfExists(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

/// <summary>SHA-256 of whole files, as lower-case hex.</summary>
internal static class FileHash
{
    public static string Of(string path)
    {
        using FileStream file = File.OpenRead(path);
        return Of(file);
    }

    public static string Of(Stream stream) => Convert.ToHexStringLower(SHA256.HashData(stream));

    public static async Task<string> OfAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
    }
}

/// <summary>Lets one process at a time use a folder for one purpose.</summary>
/// <remarks>The lock is an open file without sharing: the operating system releases it however the process ends.</remarks>
internal static class FolderLock
{
    // HResult of opening a file that another process holds: ERROR_SHARING_VIOLATION, and EWOULDBLOCK on macOS and Linux.
    private static readonly int SharingViolation =
        OperatingSystem.IsWindows() ? unchecked((int)0x80070020) : OperatingSystem.IsMacOS() ? 35 : 11;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

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

    /// <summary>As <see cref="TryTake"/>, but waits for the other process.</summary>
    /// <returns>Null where another process still holds the lock after <paramref name="patience"/>.</returns>
    public static IDisposable? Take(string folder, string purpose, TimeSpan patience)
    {
        long started = Environment.TickCount64;
        while (true)
        {
            if (TryTake(folder, purpose) is { } taken)
            {
                return taken;
            }

            if (Environment.TickCount64 - started > patience.TotalMilliseconds)
            {
                return null;
            }

            Thread.Sleep(Pause);
        }
    }
}
