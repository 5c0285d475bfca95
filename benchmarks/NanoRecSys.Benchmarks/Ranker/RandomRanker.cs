using NanoRecSys.Training.Export;

namespace NanoRecSys.Benchmarks.Ranker;

/// <summary>A ranker of the published layout with seeded random weights: what it costs does not depend on what it learnt.</summary>
internal static class RandomRanker
{
    public const int Genres = 20;
    private const int GenreWidth = 16;
    private const int YearWidth = 8;
    private const int YearBuckets = 6;

    public static Dictionary<string, NamedTensor> Create(int dimension, int[] hidden, Random random)
    {
        List<NamedTensor> tensors = [Weight("genre_embeddings.weight", Genres, GenreWidth), Weight("year_embeddings.weight", YearBuckets, YearWidth)];
        int width = 3 * dimension + 1 + YearWidth + GenreWidth + 1;
        for (int layer = 0; layer < hidden.Length; layer++)
        {
            (string linear, string norm) = ($"mlp.{4 * layer}", $"mlp.{4 * layer + 1}");
            int output = hidden[layer];
            tensors.AddRange(
            [
                Weight($"{linear}.weight", output, width), Weight($"{linear}.bias", 1, output) with { Shape = [output] },
                Constant($"{norm}.weight", output, 1), Constant($"{norm}.bias", output, 0),
                Constant($"{norm}.running_mean", output, 0), Constant($"{norm}.running_var", output, 1),
            ]);
            width = output;
        }

        return tensors.Concat([Weight("output.weight", 1, width), Constant("output.bias", 1, 0)]).ToDictionary(tensor => tensor.Name);

        // As He et al. start a layer that ReLU follows.
        NamedTensor Weight(string name, int rows, int columns) =>
            new(name, [rows, columns], [.. Enumerable.Range(0, rows * columns).Select(_ => (float)((random.NextDouble() * 2 - 1) * Math.Sqrt(6.0 / columns)))]);

        static NamedTensor Constant(string name, int size, float value) => new(name, [size], [.. Enumerable.Repeat(value, size)]);
    }
}
