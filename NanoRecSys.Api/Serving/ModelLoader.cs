using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using NanoRecSys.Core.Features;

namespace NanoRecSys.Api.Serving;

/// <summary>Brings a published version into memory: hashes, files, agreement with the manifest, warm-up.</summary>
internal sealed class ModelLoader(ArtifactStore store, IOptions<ModelsOptions> options, IOptions<IndexEngineOptions> engine, ILogger<ModelLoader> logger)
{
    private const int WarmUpRounds = 3;

    /// <exception cref="ArtifactException">The version is damaged, or its parts do not fit together.</exception>
    public async Task<ModelSnapshot> LoadAsync(string version, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        using PrivateCopy copy = PrivateCopy.Of(store, version);
        ModelSnapshot snapshot;
        try
        {
            snapshot = await ReadAsync(copy.Files, cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw new ArtifactException($"Version {version}: {e.Message.Replace(copy.Files.Folder + Path.DirectorySeparatorChar, "", StringComparison.Ordinal)}", e);
        }

        logger.LogInformation("Model {Version} is ready: {Users} users, {Items} items, user tower in {Precision}, loaded and warmed up in {Elapsed:F0} ms",
            version, snapshot.Histories.UserCount, snapshot.Catalog.Count, snapshot.UserTowers.Precision, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        return snapshot;
    }

    /// <param name="files">Read from here; what is mapped stays mapped after they are deleted.</param>
    private async Task<ModelSnapshot> ReadAsync(ArtifactVersion files, CancellationToken cancellationToken)
    {
        Manifest manifest = files.Manifest;
        Catalog catalog = await CatalogFile.ReadAsync(files.PathOf(ArtifactNames.Catalog), cancellationToken);
        ItemVectors items = ItemVectors.Load(files);
        UserHistories histories = HistoriesFile.Read(files.Folder);
        ContentMap? contentMap = manifest.ContentMap is { } map ? ContentMap.Read(files.PathOf(map.File), files.PathOf(map.Features)) : null;
        float[]? itemMap = manifest.ItemMap is { } plane ? await ItemPlaneFile.ReadAsync(files.PathOf(plane.File), cancellationToken) : null;
        IVectorIndex? index = null;
        UserTowers? userTowers = null;
        HalfRows? userEmbeddings = null;
        ServedRanker? ranker = null;
        ItemBlend? blend = null;
        try
        {
            index = ReadIndex(files.PathOf(manifest.Index.File));
            userTowers = UserTowers.Open(files, options.Value.UserTower);
            userEmbeddings = options.Value.UserEmbeddings && manifest.UserEmbeddings is { } file ? HalfRows.Map(files.PathOf(file)) : null;
            ranker = manifest.Ranker is { } info ? new ServedRanker(files, info, new ItemFeatures(catalog, info.Items), items) : null;
            blend = manifest.Blend is { Count: > 0 } lists ? ItemBlend.Open(files.Folder, lists) : null;
            var snapshot = new ModelSnapshot
            {
                Artifacts = files with { Folder = store.FolderOf(manifest.ModelVersion) },
                Catalog = catalog,
                Histories = histories,
                DataUntil = histories.LastTime,
                Index = index,
                Items = items,
                UserTowers = userTowers,
                UserEmbeddings = userEmbeddings,
                Ranker = ranker,
                Blend = blend,
                ContentMap = contentMap,
                ItemMap = itemMap,
                ByPopularity = [.. catalog.Items.OrderByDescending(item => item.Popularity).ThenBy(item => item.Index).Select(item => item.Index)],
            };
            RequireAgreement(snapshot);
            RequireNumbers(userEmbeddings);
            WarmUp(snapshot);
            return snapshot;
        }
        catch
        {
            userTowers?.Dispose();
            userEmbeddings?.Dispose();
            ranker?.Dispose();
            blend?.Dispose();
            (index as IDisposable)?.Dispose();
            throw;
        }
    }

    private IVectorIndex ReadIndex(string path)
    {
        try
        {
            return IndexFile.Read(path, engine.Value.Engine);
        }
        catch (FaissException e)
        {
            throw new ArtifactException($"The engine '{engine.Value.Engine}' (setting {IndexEngineOptions.Section}:{nameof(IndexEngineOptions.Engine)}) cannot search: {e.Message}", e);
        }
    }

    // The hashes say that each part is intact, only the manifest that they belong together.
    private static void RequireAgreement(ModelSnapshot snapshot)
    {
        ModelInfo model = snapshot.Artifacts.Manifest.Model;
        Require("catalog rows", snapshot.Catalog.Count, model.Items);
        Require("index rows", snapshot.Index.Count, model.Items);
        Require("index dimension", snapshot.Index.Dimension, model.Dimension);
        Require("item embedding rows", snapshot.Items.Count, model.Items);
        Require("item embedding dimension", snapshot.Items.Dimension, model.Dimension);
        Require("user embeddings' rows", snapshot.UserEmbeddings?.Count ?? snapshot.Histories.UserCount, snapshot.Histories.UserCount);
        Require("user embeddings' dimension", snapshot.UserEmbeddings?.Columns ?? model.Dimension, model.Dimension);
        Require("item lists' rows", snapshot.Blend?.Count ?? model.Items, model.Items);
        Require("item map rows", (snapshot.ItemMap?.Length ?? 2 * model.Items) / 2, model.Items);
        Require("content map's dimension", snapshot.ContentMap?.Dimension ?? model.Dimension, model.Dimension);
        foreach (int row in snapshot.Histories.Items)
        {
            if ((uint)row >= (uint)model.Items)
            {
                throw new ArtifactException($"A history holds item row {row}, the model has {model.Items} items. Run 'publish' again.");
            }
        }
    }

    // Users whose history has not changed are answered from these: the warm-up does not compute them.
    private static void RequireNumbers(HalfRows? embeddings)
    {
        for (int row = 0; row < embeddings?.Count; row++)
        {
            if (!embeddings.Row(row).All(float.IsFinite))
            {
                throw new ArtifactException($"Row {row} of the user embeddings has values that are not numbers. Run 'export' and 'publish' again.");
            }
        }
    }

    private static void Require(string what, int actual, int expected)
    {
        if (actual != expected)
        {
            throw new ArtifactException($"The {what} are {actual}, the manifest says {expected}. Run 'export', 'index' and 'publish' again.");
        }
    }

    // The first call of an ONNX session plans its memory and the JIT compiles the search: no request should wait for it.
    private static void WarmUp(ModelSnapshot snapshot)
    {
        _ = snapshot.FirstItems;
        ServedCatalog catalog = snapshot.Extend(ItemLog.Empty, default);
        int[] history = [.. snapshot.ByPopularity.Take(snapshot.Artifacts.Manifest.Model.MaxLength)];
        var candidates = new Candidate[Math.Min(100, snapshot.Catalog.Count)];
        for (int round = 0; round < WarmUpRounds; round++)
        {
            float[] user = snapshot.UserTowers.Served.Encode(new TimedHistory(history, default, snapshot.DataUntil)); // [D]
            int found = snapshot.Index.Search(user, RowFilter.None, candidates);
            float[]? scores = snapshot.Ranker?.Score(catalog, user, history, candidates.AsSpan(0, found)); // [C]
            if (!user.All(float.IsFinite) || scores?.All(float.IsFinite) == false)
            {
                throw new ArtifactException("The model answers with values that are not numbers. Run 'export' and 'publish' again.");
            }
        }
    }
}

/// <summary>
/// A verified copy of a version's files in a folder that only this process uses. The version is served from it, mapped files included:
/// what is truncated, overwritten or deleted in the artifacts folder afterwards cannot end the process or change an answer.
/// </summary>
/// <remarks>
/// It lasts for as long as a version is loaded: what is mapped from a deleted file stays until it is unmapped, and nobody can reach it.
/// Windows deletes no mapped file; there it is left to the cleaning of a later start, and nobody can truncate it either.
/// </remarks>
internal sealed class PrivateCopy : IDisposable
{
    private const string Prefix = "nanorecsys-serving-";
    private const string LockPurpose = "serving";
    private static readonly TimeSpan LeftoverAge = TimeSpan.FromMinutes(10); // another process may not have locked a new one yet
    private readonly IDisposable? _lock;

    private PrivateCopy(ArtifactVersion files, IDisposable? folderLock) => (Files, _lock) = (files, folderLock);

    public ArtifactVersion Files { get; }

    /// <exception cref="ArtifactException">The version is damaged, or there is no room for the copy.</exception>
    public static PrivateCopy Of(ArtifactStore store, string version)
    {
        DeleteLeftovers();
        string folder = Directory.CreateTempSubdirectory(Prefix).FullName; // readable by its owner alone; TMPDIR says where
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

    // Of processes that were killed while they loaded.
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
                continue; // another user's
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
/// Follows <c>artifacts/pinned</c> and, without it, <c>artifacts/current</c>: loads the version that it names and swaps it in. A
/// version that fails is refused with its reason and the running one stays. It is tried again after <c>current</c> is written, or,
/// if the folder could not be read, at the next poll.
/// </summary>
internal sealed class ModelWatcher(
    ArtifactStore store, ModelLoader loader, ServedModel served, IOptions<ArtifactsOptions> options, ILogger<ModelWatcher> logger)
    : BackgroundService
{
    private (string Version, DateTime Written)? _seen;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // A timer and not file events: those are unreliable on shared folders and volumes.
        using var timer = new PeriodicTimer(options.Value.PollInterval);
        logger.LogInformation("Watching {Folder} for models", store.Root);
        do
        {
            await LookAsync(stoppingToken);
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    // A shared folder that is unavailable for a moment says nothing about the version: the next poll tries again.
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
            // The time counts as well: a version that was repaired is published under its old name.
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
            string reason = $"The artifacts folder does not tell which version to serve: {e.Message}";
            if (served.Refusal != reason)
            {
                logger.LogWarning("The artifacts folder does not tell which version to serve: {Reason}", e.Message);
            }

            served.Refuse(reason);
            _seen = null;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever is wrong with a version, the service goes on with the one it has.
            string reason = $"Version {version ?? "?"} was refused: {e.Message}";
            if (served.Refusal != reason)
            {
                // Once per reason: transient failures are tried again at every poll.
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

/// <summary>Loads the versions that <c>Models:Split</c> names; the share of one that fails is served by the current version.</summary>
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
            catch (Exception e) when (e is not OperationCanceledException) // whatever is wrong with it, the service goes on
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

    /// <summary>The artifacts folder; a relative path starts at the working directory.</summary>
    [Required]
    public string Path { get; set; } = "artifacts";

    /// <summary>How often <c>current</c> is polled.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:10:00")]
    public TimeSpan PollInterval { get; set; } = TimeSpan.FromMilliseconds(500);

    public string FullPath() => System.IO.Path.GetFullPath(Path);
}

/// <summary>Section <c>Index</c>: which code searches.</summary>
internal sealed class IndexEngineOptions
{
    public const string Section = "Index";

    /// <summary><c>managed</c>, or <c>faiss</c> if FAISS's C library is installed.</summary>
    [AllowedValues(IndexEngines.Managed, IndexEngines.Faiss)]
    public string Engine { get; set; } = IndexEngines.Managed;
}
