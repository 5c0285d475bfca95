using NanoRecSys.Core.Features;

namespace NanoRecSys.Training.Export;

/// <summary>A trained ranker's layers, batch norms folded in, and the shares of its first layer.</summary>
/// <param name="Dimension">D of user and item embeddings.</param>
/// <param name="Signals">Names of the signals that it reads, in its order.</param>
/// <param name="Genres">[G, 16]</param>
/// <param name="Years">[6, 8]</param>
/// <param name="First">3D + 26 + S -> H1.</param>
/// <param name="Hidden">The layers after it.</param>
/// <param name="Output">-> 1.</param>
internal sealed record RankerWeights(
    int Dimension, IReadOnlyList<string> Signals, NamedTensor Genres, NamedTensor Years,
    LinearWeights First, IReadOnlyList<LinearWeights> Hidden, LinearWeights Output)
{
    /// <summary>Linear, batch norm, ReLU, dropout: a hidden layer's modules in the network's list.</summary>
    private const int ModulesPerLayer = 4;

    /// <summary>Of the first layer's inputs: popularity, year, genres and the flag of unknown items.</summary>
    public int ContentWidth => 1 + (int)Years.Shape[1] + (int)Genres.Shape[1] + 1;

    /// <summary>D -> H1, with the bias: the same for all candidates of a user.</summary>
    public LinearWeights OfUser => First.InputColumns($"{First.Name}.user", 0, Dimension, keepBias: true);

    /// <summary>D -> H1, of the item's embedding.</summary>
    public LinearWeights OfItem => First.InputColumns($"{First.Name}.item", Dimension, Dimension, keepBias: false);

    /// <summary>D -> H1, of the product of user and item.</summary>
    public LinearWeights OfProduct => First.InputColumns($"{First.Name}.product", 2 * Dimension, Dimension, keepBias: false);

    /// <summary>26 -> H1, of what is known of the item.</summary>
    public LinearWeights OfContent => First.InputColumns($"{First.Name}.content", 3 * Dimension, ContentWidth, keepBias: false);

    /// <summary>S -> H1, of the signals.</summary>
    public LinearWeights OfSignals => First.InputColumns($"{First.Name}.signals", 3 * Dimension + ContentWidth, Signals.Count, keepBias: false);

    /// <summary>[S] 1 for a signal that an unknown item does not have.</summary>
    public float[] HiddenSignals => [.. Signals.Select(signal => RankerSignals.NeedsEmbedding(signal) ? 1f : 0f)];

    /// <param name="dimension">D</param>
    /// <param name="weights">The state dictionary, which tells the hidden widths and the number of genres.</param>
    /// <param name="signals">See <see cref="Signals"/>.</param>
    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the others.</exception>
    public static RankerWeights Of(int dimension, IReadOnlyDictionary<string, NamedTensor> weights, IReadOnlyList<string> signals)
    {
        var state = new CheckedWeights(weights);
        NamedTensor genres = Matrix(state, weights, "genre_embeddings.weight");
        NamedTensor years = Matrix(state, weights, "year_embeddings.weight");
        int width = 3 * dimension + 1 + (int)years.Shape[1] + (int)genres.Shape[1] + 1 + signals.Count;
        var layers = new List<LinearWeights>();
        for (int layer = 0; layer == 0 || weights.ContainsKey($"mlp.{layer}.weight"); layer += ModulesPerLayer)
        {
            int output = (int)Matrix(state, weights, $"mlp.{layer}.weight").Shape[0];
            layers.Add(state.LinearThenBatchNorm($"mlp.{layer}", $"mlp.{layer + 1}", width, output));
            width = output;
        }

        return new RankerWeights(dimension, signals, genres, years, layers[0], layers[1..], state.Linear("output", width, 1, bias: true));
    }

    private static NamedTensor Matrix(CheckedWeights state, IReadOnlyDictionary<string, NamedTensor> weights, string name)
    {
        IReadOnlyList<long> shape = state.ShapeOf(name);
        return shape.Count == 2 ? weights[name] : throw new InvalidDataException($"'{name}' has {shape.Count} dimensions, expected 2.");
    }
}
