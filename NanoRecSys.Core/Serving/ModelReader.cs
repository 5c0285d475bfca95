using NanoRecSys.Core.Features;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Core.Serving;

/// <summary>Options for reading a version.</summary>
internal sealed record ModelReaderOptions
{
    /// <summary>One of <see cref="UserTowerPrecision"/>.</summary>
    public string UserTower { get; init; } = UserTowerPrecision.Auto;

    /// <summary>Whether to use the embeddings computed at publish.</summary>
    public bool UserEmbeddings { get; init; } = true;

    /// <summary>One of <see cref="IndexEngines"/>.</summary>
    public string Engine { get; init; } = IndexEngines.Managed;
}

/// <summary>Loads a published version into memory: files, agreement with the manifest, warm-up. The hashes are already verified.</summary>
internal static class ModelReader
{
    private const int WarmUpRounds = 3;

    /// <param name="files">The files to read; mapped files stay mapped even if they are deleted.</param>
    /// <param name="folder">The version's own folder, if <paramref name="files"/> is a copy of it.</param>
    /// <param name="options">Which parts to use.</param>
    /// <param name="cancellationToken">Cancels the reading.</param>
    /// <exception cref="ArtifactException">Its parts do not match.</exception>
    /// <exception cref="InvalidDataException">A file is damaged.</exception>
    public static async Task<ModelSnapshot> ReadAsync(ArtifactVersion files, string folder, ModelReaderOptions options, CancellationToken cancellationToken)
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
            index = ReadIndex(files.PathOf(manifest.Index.File), options.Engine);
            userTowers = UserTowers.Open(files, options.UserTower);
            userEmbeddings = options.UserEmbeddings && manifest.UserEmbeddings is { } file ? HalfRows.Map(files.PathOf(file)) : null;
            ranker = manifest.Ranker is { } info ? new ServedRanker(files, info, new ItemFeatures(catalog, info.Items), items) : null;
            blend = manifest.Blend is { Count: > 0 } lists ? ItemBlend.Open(files.Folder, lists) : null;
            var snapshot = new ModelSnapshot
            {
                Artifacts = files with { Folder = folder },
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

    private static IVectorIndex ReadIndex(string path, string engine)
    {
        try
        {
            return IndexFile.Read(path, engine);
        }
        catch (FaissException e)
        {
            throw new ArtifactException($"The engine '{engine}' (setting Index:Engine) cannot search: {e.Message}", e);
        }
    }

    // The hashes ensure that each part is intact, but only the manifest shows whether the parts belong together.
    private static void RequireAgreement(ModelSnapshot snapshot)
    {
        ModelInfo model = snapshot.Artifacts.Manifest.Model;
        Require("catalog rows", snapshot.Catalog.Count, model.Items);
        Require("index rows", snapshot.Index.Count, model.Items);
        Require("index dimension", snapshot.Index.Dimension, model.EmbeddingDimension);
        Require("item embedding rows", snapshot.Items.Count, model.Items);
        Require("item embedding dimension", snapshot.Items.Dimension, model.EmbeddingDimension);
        Require("user embeddings' rows", snapshot.UserEmbeddings?.Count ?? snapshot.Histories.UserCount, snapshot.Histories.UserCount);
        Require("user embeddings' dimension", snapshot.UserEmbeddings?.Columns ?? model.EmbeddingDimension, model.EmbeddingDimension);
        Require("item lists' rows", snapshot.Blend?.Count ?? model.Items, model.Items);
        Require("item map rows", (snapshot.ItemMap?.Length ?? 2 * model.Items) / 2, model.Items);
        Require("content map's dimension", snapshot.ContentMap?.Dimension ?? model.EmbeddingDimension, model.EmbeddingDimension);
        foreach (int row in snapshot.Histories.Items)
        {
            if ((uint)row >= (uint)model.Items)
            {
                throw new ArtifactException($"A history holds item row {row}, the model has {model.Items} items. Run 'publish' again.");
            }
        }
    }

    // These answer for users whose history has not changed, and the warm-up does not compute them.
    private static void RequireNumbers(HalfRows? embeddings)
    {
        for (int row = 0; row < embeddings?.Count; row++)
        {
            if (!embeddings.Row(row).All(float.IsFinite))
            {
                throw new ArtifactException($"Row {row} of the user embeddings has values that are not finite. Run 'export' and 'publish' again.");
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

    // The first call of an ONNX session plans its memory, and the JIT compiles the search: no request should wait for that.
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
                throw new ArtifactException("The model answers with values that are not finite. Run 'export' and 'publish' again.");
            }
        }
    }
}
