using Garnet;

namespace NanoRecSys.AppHost.Embedded;

/// <summary>A Redis-protocol server inside this process; what it acknowledged survives a crash.</summary>
internal sealed class EmbeddedCache : IDisposable
{
    private const int MostHosts = 16; // In one artifacts folder, each with a cache of its own.

    private readonly GarnetServer _server;
    private readonly IDisposable _folderLock;

    private EmbeddedCache(GarnetServer server, IDisposable folderLock, string folder, int port)
    {
        _server = server;
        _folderLock = folderLock;
        Folder = folder;
        ConnectionString = $"127.0.0.1:{port}";
    }

    public string Folder { get; }

    public string ConnectionString { get; }

    /// <param name="artifacts">The data lies in its <c>cache</c> folder, or <c>cache-2</c>, ... beside other hosts.</param>
    /// <param name="port">A free port.</param>
    /// <exception cref="HostException">The folder cannot be used, or the server does not start, for instance on a damaged log.</exception>
    public static EmbeddedCache Start(string artifacts, int port)
    {
        (string folder, IDisposable folderLock) = TakeFolder(artifacts);
        try
        {
            // Every write goes to the log before it is acknowledged (commit frequency 0). The device type is the
            // one that needs no native library; sizes fit a machine that trains a model at the same time.
            GarnetServer server = new([
                "--bind", "127.0.0.1", "--port", $"{port}", "-q", "--logger-level", "Error",
                "--aof", "--recover", "--aof-commit-freq", "0", "--aof-size-limit", "64m", "--device-type", "RandomAccess",
                "--memory", "256m", "--page", "4m", "--index", "16m", "--checkpointdir", folder]);
            server.Start();
            return new EmbeddedCache(server, folderLock, folder, port);
        }
        catch (Exception e)
        {
            folderLock.Dispose();
            throw new HostException($"The embedded cache does not start: {e.Message} Its data is in {folder}; it may be deleted.", e);
        }
    }

    public void Dispose()
    {
        _server.Dispose();
        _folderLock.Dispose();
    }

    private static (string Folder, IDisposable Lock) TakeFolder(string artifacts)
    {
        for (int i = 1; i <= MostHosts; i++)
        {
            string folder = Path.Combine(artifacts, i == 1 ? "cache" : $"cache-{i}");
            if (FolderLock.TryTake(folder, "host") is { } folderLock)
            {
                return (folder, folderLock);
            }
        }

        throw new HostException($"{MostHosts} hosts use {artifacts} already. Stop one of them, or name another folder with --artifacts.");
    }
}
