namespace NanoRecSys.UnitTests.Fixtures;

/// <summary>State dictionaries of tiny networks with seeded random values: an exporter needs no trained ones.</summary>
internal static class RandomWeights
{
    /// <summary>V = 9, D = 16, 2 heads, F = 20, at most 12 tokens.</summary>
    public static (ModelInfo Model, IReadOnlyDictionary<string, NamedTensor> Weights) Tower(int blocks) =>
        Tower(new ModelInfo("transformer", 16, blocks, 2, 20, 12, 9, 500, 0.1, "full-softmax", 0.05));

    public static (ModelInfo Model, IReadOnlyDictionary<string, NamedTensor> Weights) Tower(ModelInfo model)
    {
        (int items, int width, int hidden) = (model.Items, model.Dimension, model.FeedForward);
        var random = new Random(17);
        List<NamedTensor> tensors = [Tensor(random, "embedding.weight", items, width)];
        for (int i = 0; i < model.Blocks; i++)
        {
            tensors.AddRange(
            [
                Tensor(random, $"blocks.{i}.norm1.weight", width),
                Tensor(random, $"blocks.{i}.attn.qkv_proj.weight", 3 * width, width),
                Tensor(random, $"blocks.{i}.attn.qkv_proj.bias", 3 * width),
                Tensor(random, $"blocks.{i}.attn.out_proj.weight", width, width),
                Tensor(random, $"blocks.{i}.attn.out_proj.bias", width),
                Tensor(random, $"blocks.{i}.norm2.weight", width),
                Tensor(random, $"blocks.{i}.mlp.w_gate_val.weight", 2 * hidden, width),
                Tensor(random, $"blocks.{i}.mlp.w_2.weight", width, hidden),
            ]);
        }

        tensors.AddRange(
        [
            Tensor(random, "norm.weight", width),
            Tensor(random, "projection.weight", width, width),
            Tensor(random, "projection.bias", width),
        ]);
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
