using NanoRecSys.Core.Features;
using NanoRecSys.Training.Export;

namespace NanoRecSys.Training.Import;

/// <summary>What a ranker's weights tell of its sizes.</summary>
/// <param name="Dimension">D of the embeddings it reads.</param>
/// <param name="Hidden">Widths of the hidden layers.</param>
/// <param name="Genres">Rows of the genre embedding.</param>
internal sealed record RankerLayout(int Dimension, IReadOnlyList<int> Hidden, int Genres)
{
    private const int GenreWidth = 16;
    private const int YearWidth = 8;

    /// <summary>Of the first layer's inputs: popularity, year, genres and the flag of unknown items.</summary>
    private const int ContentWidth = 1 + YearWidth + GenreWidth + 1;

    /// <summary>Linear, batch norm, ReLU, dropout: a hidden layer's modules in the network's list.</summary>
    private const int ModulesPerLayer = 4;

    /// <summary>Names by which a ranker is found among others.</summary>
    public static readonly string[] Landmarks = ["genre_embeddings.weight", "output.weight"];

    /// <summary>Every tensor, in the order of the layers.</summary>
    public IReadOnlyList<ExpectedTensor> Tensors => Expect(Genres, 3L * Dimension + ContentWidth, [.. Hidden]);

    /// <param name="weights">The state dictionary.</param>
    /// <param name="dimension">D of the retriever.</param>
    /// <exception cref="InvalidDataException">Names every tensor that is missing, of another shape, or not expected.</exception>
    public static RankerLayout Of(PretrainedWeights weights, int dimension)
    {
        IReadOnlyDictionary<string, NamedTensor> tensors = weights.Tensors;
        long? genres = Rows(tensors, "genre_embeddings.weight");
        List<long?> hidden = [];
        while (hidden.Count == 0 || tensors.ContainsKey($"mlp.{ModulesPerLayer * hidden.Count}.weight"))
        {
            hidden.Add(Rows(tensors, $"mlp.{ModulesPerLayer * hidden.Count}.weight"));
        }

        ExpectedTensor.RequireAll(
            $"a ranker of embeddings of {dimension} dimensions", weights, Expect(genres, 3L * dimension + ContentWidth, hidden),
            name => name.StartsWith("mlp.", StringComparison.Ordinal) && name.EndsWith(".num_batches_tracked", StringComparison.Ordinal));
        return new RankerLayout(dimension, [.. hidden.Select(width => (int)width!)], (int)genres!);
    }

    private static List<ExpectedTensor> Expect(long? genres, long? inputs, List<long?> hidden)
    {
        List<ExpectedTensor> expected = [new("genre_embeddings.weight", genres, GenreWidth), new("year_embeddings.weight", ItemFeatures.YearBuckets, YearWidth)];
        long? width = inputs;
        for (int layer = 0; layer < hidden.Count; layer++)
        {
            (string linear, string norm) = ($"mlp.{ModulesPerLayer * layer}", $"mlp.{ModulesPerLayer * layer + 1}");
            expected.AddRange(
            [
                new($"{linear}.weight", hidden[layer], width),
                new($"{linear}.bias", hidden[layer]),
                new($"{norm}.weight", hidden[layer]),
                new($"{norm}.bias", hidden[layer]),
                new($"{norm}.running_mean", hidden[layer]),
                new($"{norm}.running_var", hidden[layer]),
            ]);
            width = hidden[layer];
        }

        expected.AddRange([new("output.weight", 1, width), new("output.bias", 1)]);
        return expected;
    }

    private static long? Rows(IReadOnlyDictionary<string, NamedTensor> tensors, string name) =>
        tensors.TryGetValue(name, out NamedTensor? tensor) && tensor.Shape.Length == 2 ? tensor.Shape[0] : null;
}
