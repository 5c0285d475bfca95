using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>
/// The trained ranker as ONNX graphs, batch norms folded into the linear layers. <see cref="Write"/> makes one whole
/// graph, for whoever wants to use it elsewhere. <see cref="WriteParts"/> cuts it where serving does: what depends on an
/// item alone is computed once per item, what depends on the user alone once per request.
/// </summary>
public static class RankerGraph
{
    public const string UserInput = "user_embedding";
    public const string ItemsInput = "item_embeddings";
    public const string PopularityInput = "popularity";
    public const string YearInput = "year";
    public const string GenresInput = "genres";
    public const string UnknownInput = "unknown";
    public const string SignalsInput = "signals";
    public const string ItemPart = "item_part";
    public const string LogitsOutput = "logits";

    /// <summary>Inputs of the graph of items, in their order.</summary>
    public static readonly IReadOnlyCollection<string> ItemInputs = [ItemsInput, PopularityInput, YearInput, GenresInput, UnknownInput];

    private const string Candidates = "candidates";

    /// <param name="path">File to write.</param>
    /// <param name="dimension">D, width of user and item embeddings.</param>
    /// <param name="weights">The state dictionary, which tells the hidden widths and the number of genres.</param>
    /// <param name="signals">Names of the signals that it reads, in its order; none in the published layout.</param>
    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the others.</exception>
    public static void Write(string path, int dimension, IReadOnlyDictionary<string, NamedTensor> weights, IReadOnlyList<string>? signals = null)
    {
        RankerWeights ranker = RankerWeights.Of(dimension, weights, signals ?? []);
        var graph = new OnnxGraph("ranker");
        OnnxValue user = graph.Input(UserInput, DataType.Float, 1, dimension);
        (OnnxValue known, OnnxValue unknown, OnnxValue itemPart) = Items(graph, ranker);
        OnnxValue? read = null;
        if (ranker.Signals.Count > 0)
        {
            OnnxValue hidden = graph.Initializer("hidden_signals", ranker.HiddenSignals, ranker.Signals.Count);
            OnnxValue shown = graph.Subtract(graph.ScalarConstant(1f), graph.Multiply(unknown, hidden)); // [C, 1] x [S] -> [C, S]
            read = graph.Multiply(Signals(graph, ranker), shown);
        }

        Finish(graph, ranker, user, known, itemPart, read, isInt8: false);
        graph.Save(path);
    }

    /// <param name="itemsPath">Of the graph that turns an item into its part of the first layer, [H1].</param>
    /// <param name="candidatesPath">
    /// Of the graph that scores candidates by these parts. Unknown items come with an embedding of zeros, and with zeros
    /// for the signals that need one.
    /// </param>
    /// <param name="dimension">D</param>
    /// <param name="weights">The state dictionary.</param>
    /// <param name="signals">Names of the signals that it reads.</param>
    /// <param name="isInt8">Multiply by the second layer in 8 bits: not exact.</param>
    public static void WriteParts(
        string itemsPath, string candidatesPath, int dimension, IReadOnlyDictionary<string, NamedTensor> weights, IReadOnlyList<string>? signals = null, bool isInt8 = false)
    {
        RankerWeights ranker = RankerWeights.Of(dimension, weights, signals ?? []);
        var items = new OnnxGraph("ranker_items");
        items.Output(ItemPart, Items(items, ranker).Part, DataType.Float, Candidates, ranker.First.Out);
        items.Save(itemsPath);

        var candidates = new OnnxGraph("ranker_candidates");
        OnnxValue user = candidates.Input(UserInput, DataType.Float, 1, dimension);
        OnnxValue embeddings = candidates.Input(ItemsInput, DataType.Float, Candidates, dimension);
        OnnxValue itemPart = candidates.Input(ItemPart, DataType.Float, Candidates, ranker.First.Out);
        OnnxValue? read = ranker.Signals.Count > 0 ? Signals(candidates, ranker) : null;
        Finish(candidates, ranker, user, embeddings, itemPart, read, isInt8);
        candidates.Save(candidatesPath);
    }

    /// <summary>The inputs that tell of items: embeddings with zeros where unknown, [C, D], and their part of the first layer, [C, H1].</summary>
    private static (OnnxValue Known, OnnxValue Unknown, OnnxValue Part) Items(OnnxGraph graph, RankerWeights ranker)
    {
        OnnxValue items = graph.Input(ItemsInput, DataType.Float, Candidates, ranker.Dimension);
        OnnxValue popularity = graph.Input(PopularityInput, DataType.Float, Candidates, 1);
        OnnxValue year = graph.Input(YearInput, DataType.Int64, Candidates);
        OnnxValue genres = graph.Input(GenresInput, DataType.Float, Candidates, (int)ranker.Genres.Shape[0]);
        OnnxValue unknown = graph.Input(UnknownInput, DataType.Float, Candidates, 1);

        graph.Scope = "features";
        OnnxValue one = graph.ScalarConstant(1f);
        OnnxValue known = graph.Multiply(items, graph.Subtract(one, unknown)); // [C, D]
        OnnxValue yearEmbedding = graph.Gather(Table(graph, ranker.Years), year); // [C, 8]
        OnnxValue genreMean = graph.Divide(
            graph.MatMul(genres, Table(graph, ranker.Genres)), // [C, G] x [G, 16] -> [C, 16]
            graph.Max(graph.ReduceSum(genres, axis: 1), one)); // [C, 1]
        OnnxValue content = graph.Concat(1, popularity, yearEmbedding, genreMean, unknown); // [C, 26]

        graph.Scope = ranker.First.Name;
        return (known, unknown, graph.Add(graph.Linear(known, ranker.OfItem), graph.Linear(content, ranker.OfContent)));
    }

    private static OnnxValue Signals(OnnxGraph graph, RankerWeights ranker) =>
        graph.Input(SignalsInput, DataType.Float, Candidates, ranker.Signals.Count);

    /// <summary>The rest of the first layer, and all others: [1, D], [C, D], [C, H1], [C, S] -> [C].</summary>
    private static void Finish(OnnxGraph graph, RankerWeights ranker, OnnxValue user, OnnxValue known, OnnxValue itemPart, OnnxValue? signals, bool isInt8)
    {
        graph.Scope = ranker.First.Name;
        OnnxValue product = graph.Multiply(known, user); // [C, D]
        OnnxValue ofProduct = isInt8 ? graph.LinearInt8(product, ranker.OfProduct) : graph.Linear(product, ranker.OfProduct);
        OnnxValue x = graph.Add(graph.Add(itemPart, graph.Linear(user, ranker.OfUser)), ofProduct); // [C, H1]
        x = graph.Relu(signals is null ? x : graph.Add(x, graph.Linear(signals.Value, ranker.OfSignals)));
        foreach ((int layer, LinearWeights hidden) in ranker.Hidden.Index())
        {
            graph.Scope = hidden.Name;
            x = graph.Relu(isInt8 && layer == 0 ? graph.LinearInt8(x, hidden) : graph.Linear(x, hidden));
        }

        graph.Scope = ranker.Output.Name;
        graph.Output(LogitsOutput, graph.Reshape(graph.Linear(x, ranker.Output), -1), DataType.Float, Candidates);
    }

    private static OnnxValue Table(OnnxGraph graph, NamedTensor table) => graph.Initializer(table.Name, table.Values, table.Shape);
}
