using System.ComponentModel.DataAnnotations;
using System.Net;
using Garnet;
using Garnet.client;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Cache;

/// <summary>
/// Runs Garnet, a Redis-protocol server, in this process. An acknowledged write survives a kill -9 of the process.
/// The data is in the <c>cache</c> folder of the artifacts folder, or in <c>cache-2</c>, ... if other caches are running.
/// </summary>
internal sealed class GarnetService(IOptions<CacheOptions> options, IConfiguration configuration, ILogger<GarnetService> logger)
    : IHostedService, IDisposable
{
    private const int MaxCaches = 16;

    private readonly CacheOptions _options = options.Value;
    private GarnetServer? _server;
    private IDisposable? _folderLock;

    /// <exception cref="ArtifactException">The folder cannot be used, or the server does not start, for example because its log is damaged.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        (string folder, _folderLock) = LockFolder(Path.GetFullPath(configuration["Artifacts:Path"] ?? "artifacts"));
        try
        {
            if (TornLog.Repair(folder))
            {
                logger.LogWarning("Removed an incomplete commit record from the end of the log in {Folder}. Nothing in it had been acknowledged.", folder);
            }

            _server = new GarnetServer(Arguments(folder));
            _server.Start();
            await SaveCheckpointAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new ArtifactException(
                $"The cache did not start on port {_options.Port}: {e.Message} Its data is in {folder}. If it is damaged, move that folder away; stored events are lost with it.", e);
        }

        logger.LogInformation("Cache ready on 127.0.0.1:{Port}, data in {Folder}", _options.Port, folder);
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        Dispose();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        _server?.Dispose();
        _server = null;
        _folderLock?.Dispose();
        _folderLock = null;
    }

    // A kill in the middle of a transaction leaves its beginning at the end of the log. The next start drops it, but the start
    // after that stops reading at the following transaction and loses everything since: 2 of 9 runs of five kills each.
    // After a checkpoint no later start reads that part of the log again.
    private async Task SaveCheckpointAsync(CancellationToken cancellation)
    {
        using GarnetClient client = new(new IPEndPoint(IPAddress.Loopback, _options.Port), authPassword: _options.Password);
        await client.ConnectAsync(cancellation);
        string answer = await client.ExecuteForStringResultAsync("SAVE");
        if (answer != "OK")
        {
            throw new InvalidOperationException($"SAVE returned '{answer}', expected OK.");
        }
    }

    // Sized to leave memory for training on the same machine.
    private string[] Arguments(string folder) =>
    [
        "--bind", "127.0.0.1", "--port", $"{_options.Port}", "-q", "--logger-level", "Error",
        "--auth", "Password", "--password", _options.Password!,
        // Without waiting for the commit, 5 runs of eight writers and a kill -9 lost 2 of 44,000 acknowledged writes.
        "--aof", "--recover", "--fail-on-recovery-error", // never start silently with part of the data
        "--aof-commit-freq", "0", "--aof-commit-wait", "--aof-memory", "32m", "--aof-page-size", "8m",
        // Data that exceeds memory spills to disk. Without this tier the oldest records, which are users' events, are dropped silently.
        "--storage-tier", "--logdir", folder, "--checkpointdir", folder, "--memory", "256m", "--page", "4m", "--index", "16m",
        // Both logs are truncated: the append-only file by checkpoints, the store's log by compaction of expired records.
        "--aof-size-limit", "64m", "--aof-segment-size", "64m", "--segment", "32m",
        "--compaction-type", "Lookup", "--compaction-freq", "30", "--compaction-max-segments", "3", "--compaction-force-delete",
        "--device-type", "RandomAccess", // needs no native library
    ];

    private static (string Folder, IDisposable Lock) LockFolder(string artifacts)
    {
        for (int i = 1; i <= MaxCaches; i++)
        {
            string folder = Path.Combine(artifacts, i == 1 ? "cache" : $"cache-{i}");
            if (FolderLock.TryTake(folder, "host") is { } folderLock)
            {
                return (folder, folderLock);
            }
        }

        throw new ArtifactException($"{MaxCaches} caches already use {artifacts}. Stop one of them, or use another artifacts folder.");
    }
}

internal sealed class CacheOptions
{
    public const string Section = "Cache";

    /// <summary>TCP port on 127.0.0.1.</summary>
    [Range(1, ushort.MaxValue)]
    public int Port { get; set; } = 6399;

    /// <summary>
    /// Clients must authenticate with it. Required because Garnet skips HTTP headers: without a password, any web page open on this
    /// machine could send commands in the body of a cross-origin POST.
    /// </summary>
    [Required(ErrorMessage = "Cache:Password is not set. Set it, for example with the environment variable Cache__Password.")]
    public string? Password { get; set; }
}
