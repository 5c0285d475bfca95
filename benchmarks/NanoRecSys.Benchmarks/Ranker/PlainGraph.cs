using NanoRecSys.Training.Export;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Benchmarks.Ranker;

/// <summary>The yardstick: the ranker as an exporter that follows the network's code writes it. Everything is concatenated for each candidate.</summary>
internal static class PlainGraph
{
    public static void Write(string path, int dimension, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        RankerWeights ranker = RankerWeights.Of(dimension, weights, []);
        var graph = new OnnxGraph("plain_ranker");
        OnnxValue users = graph.Input(RankerGraph.UserInput, DataType.Float, "candidates", dimension);
        OnnxValue items = graph.Input(RankerGraph.ItemsInput, DataType.Float, "candidates", dimension);
        OnnxValue popularity = graph.Input(RankerGraph.PopularityInput, DataType.Float, "candidates", 1);
        OnnxValue year = graph.Input(RankerGraph.YearInput, DataType.Int64, "candidates");
        OnnxValue genres = graph.Input(RankerGraph.GenresInput, DataType.Float, "candidates", RandomRanker.Genres);
        OnnxValue unknown = graph.Input(RankerGraph.UnknownInput, DataType.Float, "candidates", 1);
        OnnxValue one = graph.ScalarConstant(1f);
        OnnxValue known = graph.Multiply(items, graph.Subtract(one, unknown));
        OnnxValue yearEmbedding = graph.Gather(graph.Initializer(ranker.Years.Name, ranker.Years.Values, ranker.Years.Shape), year);
        OnnxValue genreMean = graph.Divide(
            graph.MatMul(genres, graph.Initializer(ranker.Genres.Name, ranker.Genres.Values, ranker.Genres.Shape)),
            graph.Max(graph.ReduceSum(genres, axis: 1), one));
        OnnxValue x = graph.Concat(1, users, known, graph.Multiply(users, known), popularity, yearEmbedding, genreMean, unknown); // [C, 3D + 26]
        foreach (LinearWeights layer in (LinearWeights[])[ranker.First, .. ranker.Hidden])
        {
            graph.Scope = layer.Name;
            x = graph.Relu(graph.Linear(x, layer));
        }

        graph.Output(RankerGraph.LogitsOutput, graph.Reshape(graph.Linear(x, ranker.Output), -1), DataType.Float, "candidates");
        graph.Save(path);
    }
}
