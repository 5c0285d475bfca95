using TorchSharp;

namespace NanoRecSys.Benchmarks.Encoder;

/// <summary>A user tower with seeded random weights: its cost does not depend on what it learned.</summary>
internal static class RandomTower
{
    /// <param name="folder">Where its weights pass through.</param>
    public static IReadOnlyDictionary<string, NamedTensor> Create(ModelInfo model, string folder, int seed)
    {
        LibTorch.Load();
        torch.manual_seed(seed);
        using var tower = new UserTower(model);
        ModelFolder.WriteRetriever(folder, tower, Provenance.Imported);
        return NetworkWeights.ByName(tower);
    }
}
