namespace NanoRecSys.Core.Artifacts;

/// <summary>The files of one published version.</summary>
public static class ArtifactNames
{
    public const string Manifest = "manifest.json";
    public const string UserTower = "user_tower.onnx";
    public const string Ranker = "ranker.onnx";
    public const string Index = "items.index";
    public const string ItemEmbeddings = "item_embeddings.npy";
    public const string Catalog = "catalog.parquet";
    public const string Histories = "histories.bin";
    public const string Metrics = "metrics.json";

    /// <summary>[F, D] what each feature of a new item adds to its embedding.</summary>
    public const string ContentMap = "content_map.npy";

    /// <summary>The names of its F rows.</summary>
    public const string ContentFeatures = "content_features.json";
}
