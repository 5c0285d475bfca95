using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Benchmarks.Encoder;

/// <summary>The yardstick: computes every position in every block and selects the last one at the end.</summary>
internal static class PlainTower
{
    public static void Write(string path, ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights, bool isInt8)
    {
        var state = new CheckedWeights(weights);
        var graph = new OnnxGraph("plain_user_tower") { IsInt8 = isInt8 };
        OnnxValue tokens = graph.Input(OnnxUserTower.TokensInput, DataType.Int64, "batch", "length");
        TransformerTowerBlock block = UserTowerGraph.Block(graph, model, state, tokens, isPadded: true);
        OnnxValue x = UserTowerGraph.Embed(graph, model, state, tokens); // [B, L, D]
        for (int i = 0; i < model.Blocks; i++)
        {
            x = block.EveryPosition(i, x); // [B, L, D]
        }

        OnnxValue last = graph.Gather(x, graph.ScalarConstant(-1L), axis: 1); // [B, D]
        graph.Output(OnnxUserTower.EmbeddingOutput, UserTowerGraph.Head(graph, model, state, last), DataType.Float, "batch", model.Dimension);
        graph.Save(path);
    }
}
