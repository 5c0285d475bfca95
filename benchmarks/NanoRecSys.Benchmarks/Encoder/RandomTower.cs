using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Pipeline;
using TorchSharp;

namespace NanoRecSys.Benchmarks.Encoder;

/// <summary>A user tower with seeded random weights: its cost does not depend on what it learned.</summary>
internal static class RandomTower
{
    /// <param name="model">Its sizes.</param>
    /// <param name="folder">Where its weights pass through.</param>
    /// <param name="seed">Of the weights.</param>
    public static IReadOnlyDictionary<string, NamedTensor> Create(ModelInfo model, string folder, int seed)
    {
        LibTorch.Load();
        torch.manual_seed(seed);
        using var tower = new UserTower(model);
        ModelFolder.WriteRetriever(folder, tower, Provenance.Imported);
        return NetworkWeights.ByName(tower);
    }
}
