namespace NanoRecSys.Core.Artifacts;

/// <summary>The files of one published version.</summary>
public static class ArtifactNames
{
    public const string Manifest = "manifest.json";
    public const string UserTower = "user_tower.onnx";

    /// <summary>The same with its blocks' products in 8 bits.</summary>
    public const string UserTowerInt8 = "user_tower.int8.onnx";
    public const string Ranker = "ranker.onnx";

    /// <summary>Turns what is known of an item into its part of the ranker's first layer.</summary>
    public const string RankerItems = "ranker_items.onnx";

    /// <summary>[V, H1] these parts of all items.</summary>
    public const string RankerItemParts = "ranker_items.npy";

    /// <summary>Scores candidates by their parts: what serving runs.</summary>
    public const string RankerCandidates = "ranker_candidates.onnx";
    public const string Index = "items.index";
    public const string ItemEmbeddings = "item_embeddings.npy";
    public const string Catalog = "catalog.parquet";
    public const string Histories = "histories.bin";

    /// <summary>[U, D] float16, what the user tower makes of these histories.</summary>
    public const string UserEmbeddings = "user_embeddings.npy";

    /// <summary>Where each item lies on a plane, for people to look at.</summary>
    public const string ItemMap = "item_map_2d.parquet";
    public const string Metrics = "metrics.json";

    /// <summary>[F, D] what each feature of a new item adds to its embedding.</summary>
    public const string ContentMap = "content_map.npy";

    /// <summary>The names of its F rows.</summary>
    public const string ContentFeatures = "content_features.json";
}
