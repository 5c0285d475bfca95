using System.Net;
using Garnet;
using Garnet.client;

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
    public static async Task<EmbeddedCache> StartAsync(string artifacts, int port)
    {
        (string folder, IDisposable folderLock) = TakeFolder(artifacts);
        GarnetServer? server = null;
        try
        {
            if (TornLog.Mend(folder))
            {
                HostConsole.Say("Cache: the last, unfinished record of its log was taken off; nothing in it had been acknowledged.");
            }

            server = new GarnetServer(Arguments(folder, port));
            server.Start();
            await SaveAsync(port);
            return new EmbeddedCache(server, folderLock, folder, port);
        }
        catch (Exception e)
        {
            server?.Dispose();
            folderLock.Dispose();
            throw new HostException($"The embedded cache does not start: {e.Message} Its data is in {folder}; it may be deleted.", e);
        }
    }

    public void Dispose()
    {
        _server.Dispose();
        _folderLock.Dispose();
    }

    // A kill in the middle of a transaction leaves its beginning at the end of the log. The next start drops it, but the one
    // after that gives up at the transaction that follows it, and what came since is lost: two of nine runs of five kills.
    // With a checkpoint behind it no later start reads that place again.
    private static async Task SaveAsync(int port)
    {
        using GarnetClient client = new(new IPEndPoint(IPAddress.Loopback, port));
        await client.ConnectAsync();
        string answer = await client.ExecuteForStringResultAsync("SAVE");
        if (answer != "OK")
        {
            throw new InvalidOperationException($"SAVE was answered with '{answer}', expected OK.");
        }
    }

    // Sizes fit a machine that trains a model at the same time.
    private static string[] Arguments(string folder, int port) =>
    [
        "--bind", "127.0.0.1", "--port", $"{port}", "-q", "--logger-level", "Error",
        // Of eight writers that a kill -9 met, five runs lost 2 of 44,000 acknowledged writes without the waiting.
        "--aof", "--recover", "--fail-on-recovery-error", // never on with half of the data, silently
        "--aof-commit-freq", "0", "--aof-commit-wait", "--aof-memory", "32m", "--aof-page-size", "8m",
        // A full memory goes to the disk: without this tier the oldest records, users' events, are dropped silently.
        "--storage-tier", "--logdir", folder, "--checkpointdir", folder, "--memory", "256m", "--page", "4m", "--index", "16m",
        // Both logs are cut: the one by checkpoints, the other of what has expired.
        "--aof-size-limit", "64m", "--aof-segment-size", "64m", "--segment", "32m",
        "--compaction-type", "Lookup", "--compaction-freq", "30", "--compaction-max-segments", "3", "--compaction-force-delete",
        "--device-type", "RandomAccess", // needs no native library
    ];

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
