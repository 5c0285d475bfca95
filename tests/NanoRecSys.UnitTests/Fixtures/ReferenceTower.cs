namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>A small user tower with random weights and another implementation's results for 50 histories.</summary>
internal sealed record ReferenceTower(
    ModelInfo Model, IReadOnlyDictionary<string, NamedTensor> Weights, int[][] Histories, int[][] TopTen, float[] Expected)
{
    public static ReferenceTower Load()
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(RepositoryFolder.Shared("parity", "model", "case.json")));
        JsonElement config = document.RootElement.GetProperty("config");
        var model = new ModelInfo(
            "transformer", config.GetProperty("dim").GetInt32(), config.GetProperty("blocks").GetInt32(),
            config.GetProperty("heads").GetInt32(), config.GetProperty("ffn").GetInt32(), config.GetProperty("max_length").GetInt32(),
            config.GetProperty("items").GetInt32(), config.GetProperty("rope_base").GetDouble(), 0, "full-softmax", 0.05);
        return new ReferenceTower(
            model,
            SafetensorsFile.Read(RepositoryFolder.Shared("parity", "model", "user_tower.safetensors")),
            Rows(document.RootElement.GetProperty("histories")),
            Rows(document.RootElement.GetProperty("top10_items")),
            NpyFile.Read(RepositoryFolder.Shared("parity", "model", "expected_user_embeddings.npy")).Values);
    }

    private static int[][] Rows(JsonElement rows) =>
        [.. rows.EnumerateArray().Select(row => row.EnumerateArray().Select(item => item.GetInt32()).ToArray())];
}
