using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>A version whose files have a few letters each: enough for code that only stores and compares them.</summary>
internal static class TinyVersion
{
    public static readonly Dictionary<string, string> Files = new()
    {
        [ArtifactNames.UserTower] = "tower",
        [ArtifactNames.Index] = "index",
        [ArtifactNames.ItemEmbeddings] = "items",
        [ArtifactNames.Catalog] = "catalog",
        [ArtifactNames.Histories] = "histories",
        [ArtifactNames.Users] = "users",
        ["plots/loss.svg"] = "<svg/>",
    };

    public static readonly Manifest Draft = new()
    {
        SchemaVersion = Manifest.CurrentSchema,
        ModelVersion = "",
        Created = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Seed = 42,
        Dataset = new DatasetInfo("small", new string('a', 64), 3, 4, 10, "leave-one-out", "all"),
        Model = new ModelInfo("transformer", 16, 2, 2, 32, 20, 4, 500, 0.2, "full-softmax", 0.05),
        UserTower = new OnnxInfo(ArtifactNames.UserTower, [new("tokens", "int64", ["batch", "length"])], [new("user_embedding", "float32", ["batch", "16"])]),
        Index = new IndexInfo(ArtifactNames.Index, "flat", "inner_product", new Dictionary<string, double>(), 1, 1),
        Metrics = [],
        Parity = new Dictionary<string, ParityInfo> { [ArtifactNames.UserTower] = new(1e-6, 200, 1e-4) },
        Files = [],
    };

    public static ArtifactVersion Publish(ArtifactStore store, params (string Name, string Content)[] changed) =>
        Publish(store, Draft, changed);

    public static ArtifactVersion Publish(ArtifactStore store, Manifest draft, params (string Name, string Content)[] changed) =>
        store.Publish(Stage(store, changed), draft);

    /// <returns>The staging folder with the files.</returns>
    public static string Stage(ArtifactStore store, params (string Name, string Content)[] changed)
    {
        string staging = store.CreateStaging();
        foreach ((string name, string content) in Files.Select(file => (file.Key, file.Value)).Concat(changed))
        {
            string path = Path.Combine(staging, name);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, content);
        }

        return staging;
    }

    /// <summary>Changes a manifest as an attacker would: with a recomputed checksum.</summary>
    public static void Rewrite(ArtifactVersion version, Action<JsonObject> change)
    {
        string path = version.PathOf(ArtifactNames.Manifest);
        JsonObject manifest = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        change(manifest);
        string zeros = new('0', 64);
        manifest["checksum"] = zeros;
        string text = manifest.ToJsonString(new JsonSerializerOptions { WriteIndented = true });
        string checksum = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        int position = text.IndexOf(zeros, StringComparison.Ordinal);
        File.WriteAllText(path, string.Concat(text.AsSpan(0, position), checksum, text.AsSpan(position + zeros.Length)));
    }
}
