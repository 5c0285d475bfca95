using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export;

namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>State dictionaries of tiny networks with seeded random values: enough for an exporter, no training needed.</summary>
internal static class RandomWeights
{
    /// <summary>V = 9, D = 16, 2 heads, F = 20, at most 12 tokens.</summary>
    public static (ModelInfo Model, IReadOnlyDictionary<string, NamedTensor> Weights) Tower(int blocks)
    {
        const int Items = 9, Width = 16, Hidden = 20;
        var random = new Random(17);
        List<NamedTensor> tensors = [Tensor(random, "embedding.weight", Items, Width)];
        for (int i = 0; i < blocks; i++)
        {
            tensors.AddRange(
            [
                Tensor(random, $"blocks.{i}.norm1.weight", Width),
                Tensor(random, $"blocks.{i}.attn.qkv_proj.weight", 3 * Width, Width),
                Tensor(random, $"blocks.{i}.attn.qkv_proj.bias", 3 * Width),
                Tensor(random, $"blocks.{i}.attn.out_proj.weight", Width, Width),
                Tensor(random, $"blocks.{i}.attn.out_proj.bias", Width),
                Tensor(random, $"blocks.{i}.norm2.weight", Width),
                Tensor(random, $"blocks.{i}.mlp.w_gate_val.weight", 2 * Hidden, Width),
                Tensor(random, $"blocks.{i}.mlp.w_2.weight", Width, Hidden),
            ]);
        }

        tensors.AddRange(
        [
            Tensor(random, "norm.weight", Width),
            Tensor(random, "projection.weight", Width, Width),
            Tensor(random, "projection.bias", Width),
        ]);
        var model = new ModelInfo("transformer", Width, blocks, 2, Hidden, 12, Items, 500, 0.1, "full-softmax", 0.05);
        return (model, tensors.ToDictionary(tensor => tensor.Name));
    }

    private static NamedTensor Tensor(Random random, string name, params long[] shape)
    {
        var values = new float[shape.Aggregate(1L, (product, size) => product * size)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = random.NextSingle() - 0.5f;
        }

        return new NamedTensor(name, shape, values);
    }
}
