using System.ComponentModel.DataAnnotations;
using System.Diagnostics;

namespace NanoRecSys.Api.Serving;

/// <summary>Loads a published version into memory: checks hashes, files and agreement with the manifest, and warms up.</summary>
internal sealed class ModelLoader(ArtifactStore store, IOptions<ModelsOptions> options, IOptions<IndexEngineOptions> engine, ILogger<ModelLoader> logger)
{
    /// <exception cref="ArtifactException">The version is damaged, or its parts do not match.</exception>
    public async Task<ModelSnapshot> LoadAsync(string version, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        using PrivateCopy copy = PrivateCopy.Of(store, version);
        ModelSnapshot snapshot;
        try
        {
            var reading = new ModelReaderOptions { UserTower = options.Value.UserTower, UserEmbeddings = options.Value.UserEmbeddings, Engine = engine.Value.Engine };
            snapshot = await ModelReader.ReadAsync(copy.Files, store.FolderOf(version), reading, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw new ArtifactException($"Version {version}: {e.Message.Replace(copy.Files.Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)}", e);
        }

        logger.LogInformation("Model {Version} is ready: {Users} users, {Items} items, user tower in {Precision}, loaded and warmed up in {Elapsed:F0} ms",
            version, snapshot.Histories.UserCount, snapshot.Catalog.Count, snapshot.UserTowers.Precision, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        return snapshot;
    }
}

/// <summary>
/// A verified copy of a version's files in a folder that only this process uses. The version, including mapped files, is served from the copy:
/// truncating, overwriting or deleting files in the artifacts folder cannot end the process or change an answer.
/// </summary>
/// <remarks>
/// The copy lives while the version is loaded: a mapped file that was deleted stays until it is unmapped, and nobody else can open it.
/// Windows cannot delete mapped files; there the cleanup of a later start deletes them, and nobody can truncate them either.
/// </remarks>
internal sealed class PrivateCopy : IDisposable
{
    private const string Prefix = "nanorecsys-serving-";
    private const string LockPurpose = "serving";
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromMinutes(10); // a newer folder may not be locked yet by its process
    private readonly IDisposable? _lock;

    private PrivateCopy(ArtifactVersion files, IDisposable? folderLock) => (Files, _lock) = (files, folderLock);

    public ArtifactVersion Files { get; }

    /// <exception cref="ArtifactException">The version is damaged, or there is not enough space for the copy.</exception>
    public static PrivateCopy Of(ArtifactStore store, string version)
    {
        DeleteLeftovers();
        string folder = Directory.CreateTempSubdirectory(Prefix).FullName; // readable only by its owner; TMPDIR sets the location
        IDisposable? folderLock = FolderLock.TryTake(folder, LockPurpose);
        try
        {
            return new PrivateCopy(store.Copy(version, folder), folderLock);
        }
        catch
        {
            folderLock?.Dispose();
            Delete(folder);
            throw;
        }
    }

    public void Dispose()
    {
        _lock?.Dispose();
        Delete(Files.Folder);
    }

    // Left by processes that were killed while loading.
    private static void DeleteLeftovers()
    {
        foreach (string folder in Directory.EnumerateDirectories(Path.GetTempPath(), Prefix + "*")
            .Where(folder => new DirectoryInfo(folder).LinkTarget is null && DateTime.UtcNow - Directory.GetLastWriteTimeUtc(folder) > LeftoverAge))
        {
            try
            {
                using IDisposable? taken = FolderLock.TryTake(folder, LockPurpose);
                if (taken is null)
                {
                    continue;
                }
            }
            catch (ArtifactException)
            {
                continue; // belongs to another user
            }

            Delete(folder);
        }
    }

    private static void Delete(string folder)
    {
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }
}

/// <summary>
/// Follows <c>artifacts/pinned</c> and, without it, <c>artifacts/current</c>: loads the named version and swaps it in. A
/// version that fails is refused with the reason, and the running one stays. It is tried again when <c>current</c> is written or,
/// if the folder could not be read, at the next poll.
/// </summary>
internal sealed class ModelWatcher(
    ArtifactStore store, ModelLoader loader, ServedModel served, IOptions<ArtifactsOptions> options, ILogger<ModelWatcher> logger)
    : BackgroundService
{
    private (string Version, DateTime Written)? _seen;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Uses a timer because file events are unreliable on shared folders and volumes.
        using var timer = new PeriodicTimer(options.Value.PollInterval);
        logger.LogInformation("Watching {Folder} for models", store.Root);
        do
        {
            await LookAsync(stoppingToken);
            served.EndFirstLook();
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // A temporarily unavailable shared folder does not mean that the version is bad: the next poll tries again.
    private static bool MayPass(Exception e) => (e.InnerException ?? e) switch
    {
        FileNotFoundException or DirectoryNotFoundException => false,
        IOException or UnauthorizedAccessException => true,
        _ => false,
    };

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        string? version = null;
        try
        {
            // Compares the time as well, because a repaired version is published under the same name.
            string? pinned = store.ReadPinned();
            DateTime written = File.GetLastWriteTimeUtc(pinned is null ? store.CurrentFile : store.PinnedFile);
            version = pinned ?? store.ReadCurrent();
            if (version is null || _seen == (version, written))
            {
                return;
            }

            _seen = (version, written);
            if (served.Artifacts?.Manifest.ModelVersion != version)
            {
                if (served is { Artifacts: null, Refusal: null })
                {
                    served.Refuse($"Version {version} is being loaded.");
                }

                served.Swap(await loader.LoadAsync(version, cancellationToken));
                logger.LogInformation("Serving model {Version}", version);
            }
            else
            {
                served.Accept();
            }
        }
        catch (Exception e) when (version is null && e is ArtifactException or IOException or UnauthorizedAccessException)
        {
            // The next poll tries again; the status shows the reason until then.
            string reason = $"The artifacts folder does not say which version to serve: {e.Message}";
            if (served.Refusal != reason)
            {
                logger.LogWarning("The artifacts folder does not say which version to serve: {Reason}", e.Message);
            }

            served.Refuse(reason);
            _seen = null;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever is wrong with a version, the current one stays in service.
            string reason = $"Version {version ?? "?"} was refused: {e.Message}";
            if (served.Refusal != reason)
            {
                // Logged once per reason, because transient failures are retried at every poll.
                logger.LogError(e, "Version {Version} was refused, {Running} keeps serving", version, served.Artifacts?.Manifest.ModelVersion ?? "none");
            }

            served.Refuse(reason);
            if (MayPass(e))
            {
                _seen = null;
            }
        }
    }
}

/// <summary>Loads the versions in <c>Models:Split</c>; if one fails, the current version serves its share.</summary>
internal sealed class SplitLoader(ModelSplit split, ModelLoader loader, ServedModel served, ILogger<SplitLoader> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (string version in split.Versions)
        {
            try
            {
                served.AddBeside(await loader.LoadAsync(version, stoppingToken));
                logger.LogInformation("Serving model {Version} to its share of the users", version);
            }
            catch (Exception e) when (e is not OperationCanceledException) // the service continues without it
            {
                logger.LogError(e, "Version {Version} of Models:Split was refused; the current version serves its users", version);
            }
        }
    }
}

/// <summary>Section <c>Artifacts</c>: the folder of published versions.</summary>
internal sealed class ArtifactsOptions
{
    public const string Section = "Artifacts";

    /// <summary>The artifacts folder; a relative path is relative to the working directory.</summary>
    [Required]
    public string Path { get; set; } = "artifacts";

    /// <summary>How often <c>current</c> is polled.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);
}

/// <summary>Section <c>Index</c>: the search engine.</summary>
internal sealed class IndexEngineOptions
{
    public const string Section = "Index";

    /// <summary><c>managed</c>, or <c>faiss</c> if the FAISS C library is installed.</summary>
    [AllowedValues(IndexEngines.Managed, IndexEngines.Faiss)]
    public string Engine { get; set; } = IndexEngines.Managed;
}
