using System.ComponentModel.DataAnnotations;
using System.Diagnostics;
using Microsoft.Extensions.Options;
using NanoRecSys.Core.Artifacts;
using NanoRecSys.Core.Data;
using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Api.Serving;

/// <summary>Brings a published version into memory: hashes, files, agreement with the manifest, warm-up.</summary>
internal sealed class ModelLoader(ArtifactStore store, IOptions<ModelsOptions> options, IOptions<IndexEngineOptions> engine, ILogger<ModelLoader> logger)
{
    private const int WarmUpRounds = 3;

    /// <exception cref="ArtifactException">The version is damaged, or its parts do not fit together.</exception>
    public async Task<ModelSnapshot> LoadAsync(string version, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        ArtifactVersion artifacts = store.Open(version);
        Catalog catalog = await CatalogFile.ReadAsync(artifacts.PathOf(ArtifactNames.Catalog), cancellationToken);
        ItemVectors items = ItemVectors.Load(artifacts);
        UserHistories histories = HistoriesFile.Read(artifacts.PathOf(ArtifactNames.Histories));
        IVectorIndex index = ReadIndex(artifacts.PathOf(artifacts.Manifest.Index.File));
        UserTowers userTowers = UserTowers.Open(artifacts, options.Value.UserTower);
        HalfRows? userEmbeddings = null;
        ServedRanker? ranker = null;
        ModelSnapshot snapshot;
        try
        {
            userEmbeddings = options.Value.UserEmbeddings && artifacts.Manifest.UserEmbeddings is { } file ? HalfRows.Map(artifacts.PathOf(file)) : null;
            ranker = artifacts.Manifest.Ranker is { } info
                ? new ServedRanker(artifacts, info, new ItemFeatures(catalog, info.Genres), items)
                : null;
            snapshot = new ModelSnapshot
            {
                Artifacts = artifacts,
                Catalog = catalog,
                Histories = histories,
                DataUntil = histories.LastTime,
                Index = index,
                Items = items,
                UserTowers = userTowers,
                UserEmbeddings = userEmbeddings,
                Ranker = ranker,
                ContentMap = artifacts.Manifest.ContentMap is { } map ? ContentMap.Read(artifacts.PathOf(map.File), artifacts.PathOf(map.Features)) : null,
                ItemMap = artifacts.Manifest.ItemMap is { } plane ? await ItemPlaneFile.ReadAsync(artifacts.PathOf(plane.File), cancellationToken) : null,
                ByPopularity = [.. catalog.Items.OrderByDescending(item => item.Count).ThenBy(item => item.Index).Select(item => item.Index)],
            };
            RequireAgreement(snapshot);
            WarmUp(snapshot);
        }
        catch
        {
            userTowers.Dispose();
            userEmbeddings?.Dispose();
            ranker?.Dispose();
            (index as IDisposable)?.Dispose();
            throw;
        }

        logger.LogInformation("Model {Version} is ready: {Users} users, {Items} items, user tower in {Precision}, loaded and warmed up in {Elapsed:F0} ms",
            version, snapshot.Histories.UserCount, catalog.Count, userTowers.Precision, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        return snapshot;
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
        _ = snapshot.FirstMovies;
        int[] history = [.. snapshot.ByPopularity.Take(snapshot.Artifacts.Manifest.Model.MaxLength)];
        var candidates = new Candidate[Math.Min(100, snapshot.Catalog.Count)];
        for (int round = 0; round < WarmUpRounds; round++)
        {
            float[] user = snapshot.UserTowers.Served.Encode(new TimedHistory(history, default, snapshot.DataUntil)); // [D]
            int found = snapshot.Index.Search(user, RowFilter.None, candidates);
            float[]? scores = snapshot.Ranker?.Score(user, history, candidates.AsSpan(0, found)); // [C]
            if (!user.All(float.IsFinite) || scores?.All(float.IsFinite) == false)
            {
                throw new ArtifactException("The model answers with values that are no numbers. Run 'export' and 'publish' again.");
            }
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
        catch (Exception e) when (version is null && e is IOException or UnauthorizedAccessException)
        {
            logger.LogWarning("{File} could not be read, will retry: {Reason}", store.CurrentFile, e.Message);
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

    /// <summary><see cref="Path"/> as an absolute path.</summary>
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
