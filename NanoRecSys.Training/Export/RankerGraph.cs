using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>
/// The trained ranker as an ONNX graph over one user and C candidates. Batch norms are folded into the linear
/// layers, and the user's share of the first layer is computed once instead of once per candidate.
/// </summary>
public static class RankerGraph
{
    public const string UserInput = "user_embedding";
    public const string ItemsInput = "item_embeddings";
    public const string PopularityInput = "popularity";
    public const string YearInput = "year";
    public const string GenresInput = "genres";
    public const string UnknownInput = "unknown";
    public const string LogitsOutput = "logits";

    private const string Candidates = "candidates";

    /// <summary>Linear, batch norm, ReLU, dropout: a hidden layer's modules in the network's list.</summary>
    private const int ModulesPerLayer = 4;

    /// <param name="path">File to write.</param>
    /// <param name="dimension">D, width of user and item embeddings.</param>
    /// <param name="weights">The state dictionary, which tells the hidden widths and the number of genres.</param>
    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the others.</exception>
    public static void Write(string path, int dimension, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        var state = new CheckedWeights(weights);
        (int genres, int genreWidth) = Matrix(state, "genre_embeddings.weight");
        (int buckets, int yearWidth) = Matrix(state, "year_embeddings.weight");

        var graph = new OnnxGraph("ranker");
        OnnxValue user = graph.Input(UserInput, DataType.Float, 1, dimension);
        OnnxValue items = graph.Input(ItemsInput, DataType.Float, Candidates, dimension);
        OnnxValue popularity = graph.Input(PopularityInput, DataType.Float, Candidates, 1);
        OnnxValue year = graph.Input(YearInput, DataType.Int64, Candidates);
        OnnxValue genresOf = graph.Input(GenresInput, DataType.Float, Candidates, genres);
        OnnxValue unknown = graph.Input(UnknownInput, DataType.Float, Candidates, 1);

        graph.Scope = "features";
        OnnxValue one = graph.ScalarConstant(1f);
        OnnxValue known = graph.Multiply(items, graph.Subtract(one, unknown)); // [C, D], zeros where unknown
        OnnxValue yearEmbedding = graph.Gather(
            graph.Initializer("year_embeddings.weight", state.Get("year_embeddings.weight", buckets, yearWidth), buckets, yearWidth), year);
        OnnxValue genreTable = graph.Initializer("genre_embeddings.weight", state.Get("genre_embeddings.weight", genres, genreWidth), genres, genreWidth);
        OnnxValue genreMean = graph.Divide(
            graph.MatMul(genresOf, genreTable), // [C, G] x [G, 16] -> [C, 16]
            graph.Max(graph.ReduceSum(genresOf, axis: 1), one)); // [C, 1]
        OnnxValue perCandidate = graph.Concat(1, known, graph.Multiply(known, user), popularity, yearEmbedding, genreMean, unknown);

        int input = 3 * dimension + 1 + yearWidth + genreWidth + 1;
        OnnxValue x = FirstLayer(graph, Hidden(state, 0, input), dimension, user, perCandidate);
        for (int layer = ModulesPerLayer; weights.ContainsKey($"mlp.{layer}.weight"); layer += ModulesPerLayer)
        {
            graph.Scope = $"mlp.{layer}";
            (_, int width) = Matrix(state, $"mlp.{layer}.weight");
            x = graph.Relu(graph.Linear(x, Hidden(state, layer, width)));
        }

        graph.Scope = "output";
        (_, int last) = Matrix(state, "output.weight");
        x = graph.Linear(x, state.Linear("output", last, 1, bias: true)); // [C, 1]
        graph.Output(LogitsOutput, graph.Reshape(x, -1), DataType.Float, Candidates);
        graph.Save(path);
    }

    /// <summary>[1, D], [C, rest] -> [C, width]: the layer's first D inputs are the user's.</summary>
    private static OnnxValue FirstLayer(OnnxGraph graph, LinearWeights layer, int dimension, OnnxValue user, OnnxValue perCandidate)
    {
        graph.Scope = layer.Name;
        OnnxValue ofUser = graph.Linear(user, layer.InputColumns($"{layer.Name}.user", 0, dimension, keepBias: true)); // [1, width]
        OnnxValue ofCandidates = graph.Linear(
            perCandidate, layer.InputColumns($"{layer.Name}.candidate", dimension, layer.In - dimension, keepBias: false));
        return graph.Relu(graph.Add(ofCandidates, ofUser));
    }

    private static LinearWeights Hidden(CheckedWeights state, int layer, int input)
    {
        (int output, _) = Matrix(state, $"mlp.{layer}.weight");
        return state.LinearThenBatchNorm($"mlp.{layer}", $"mlp.{layer + 1}", input, output);
    }

    private static (int Rows, int Columns) Matrix(CheckedWeights state, string name)
    {
        IReadOnlyList<long> shape = state.ShapeOf(name);
        return shape.Count == 2
            ? (checked((int)shape[0]), checked((int)shape[1]))
            : throw new InvalidDataException($"'{name}' has {shape.Count} dimensions, expected 2.");
    }
}
