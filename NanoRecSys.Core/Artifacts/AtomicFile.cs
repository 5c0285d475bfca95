using System.Buffers;
using System.Security.Cryptography;

namespace NanoRecSys.Core.Artifacts;

/// <summary>
/// Replaces a file: writes it under a temporary name in the same folder, flushes it to disk, then renames it. A reader sees the old
/// file or the complete new one, even after a crash.
/// </summary>
internal sealed class AtomicFile(string path) : IDisposable
{
    public const string TemporarySuffix = ".tmp";

    public string TemporaryPath { get; } = NameBeside(path); // the file to write; disposing deletes it unless it was committed

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

/// <summary>Replaces a folder; if a step is interrupted, the old one stays intact.</summary>
internal static class AtomicFolder
{
    /// <summary>Has a new folder filled next to the old one, then replaces the old one.</summary>
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

/// <summary>Reads files that should be small, with protection against anything else in their place.</summary>
internal static class SmallFile
{
    /// <summary>Whether a file is empty, or is a pipe or a device, which have no length either: opening a pipe waits for a writer.</summary>
    public static bool IsEmptyOrPipe(string path) => new FileInfo(path) is { Exists: true, Length: 0 };

    /// <exception cref="InvalidDataException">A link, a folder, a pipe, empty, or larger than <paramref name="mostBytes"/>.</exception>
    public static byte[] Read(string path, int mostBytes)
    {
        if (new FileInfo(path).LinkTarget is not null || Directory.Exists(path))
        {
            throw new InvalidDataException($"{path} is a link or a folder.");
        }

        if (IsEmptyOrPipe(path))
        {
            throw new InvalidDataException($"{path} is empty or not a regular file.");
        }

        using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        byte[] bytes = new byte[Math.Min(file.Length, mostBytes) + 1];
        int count = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return count <= mostBytes ? bytes[..count] : throw new InvalidDataException($"{path} has more than {mostBytes} bytes.");
    }
}

internal static class FileHash
{
    private const int BufferBytes = 1 << 20;

    /// <summary>Returns the hash and number of the copied bytes; stops early after more than <paramref name="mostBytes"/>.</summary>
    public static (string Hash, long Bytes) Copy(Stream from, Stream to, long mostBytes)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(BufferBytes);
        try
        {
            long copied = 0;
            for (int count; copied <= mostBytes && (count = from.Read(buffer)) > 0; copied += count)
            {
                hash.AppendData(buffer, 0, count);
                to.Write(buffer, 0, count);
            }

            return (Convert.ToHexStringLower(hash.GetHashAndReset()), copied);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

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

/// <summary>Limits a folder's use for one purpose to one process at a time.</summary>
/// <remarks>The lock is an open file without sharing: the operating system releases it however the process ends.</remarks>
internal static class FolderLock
{
    // HResult of opening a file that another process holds: ERROR_SHARING_VIOLATION, and EWOULDBLOCK on macOS and Linux.
    private static readonly int SharingViolation =
        OperatingSystem.IsWindows() ? unchecked((int)0x80070020) : OperatingSystem.IsMacOS() ? 35 : 11;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    /// <param name="folder">Created if missing.</param>
    /// <param name="purpose">Part of the lock file's name, <c>.PURPOSE.lock</c>.</param>
    /// <returns>The lock, held until disposed; null if another process holds it.</returns>
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

    /// <summary>Like <see cref="TryTake"/>, but waits for the other process.</summary>
    /// <returns>Null if another process still holds the lock after <paramref name="patience"/>.</returns>
    public static IDisposable? Take(string folder, string purpose, TimeSpan patience)
    {
        long started = Environment.TickCount64;
        IDisposable? taken;
        while ((taken = TryTake(folder, purpose)) is null && Environment.TickCount64 - started <= patience.TotalMilliseconds)
        {
            Thread.Sleep(Pause);
        }

        return taken;
    }
}
