using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>
/// The trained user tower as an ONNX graph: <c>tokens</c> int64 [batch, length] (0 is padding, on the left) ->
/// <c>user_embedding</c> float32 [batch, D], L2-normalised. Only the last position is served, so only it
/// leaves the last block.
/// </summary>
public static class UserTowerGraph
{
    public const string TokensInput = "tokens";
    public const string EmbeddingOutput = "user_embedding";

    /// <param name="path">File to write.</param>
    /// <param name="model">The configuration that the weights were trained with.</param>
    /// <param name="weights">The state dictionary; see <see cref="SafetensorsFile"/>.</param>
    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the configuration.</exception>
    public static void Write(string path, ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        ArgumentNullException.ThrowIfNull(model);
        var state = new CheckedWeights(weights);
        var graph = new OnnxGraph("user_tower");
        OnnxValue tokens = graph.Input(TokensInput, DataType.Int64, "batch", "length");

        OnnxValue x = graph.Gather(EmbeddingTable(graph, model, state), tokens); // [V + 1, D], [B, L] -> [B, L, D]
        var masks = AttentionMasks.Build(graph, tokens);
        var rotary = RotaryTables.Build(graph, model, tokens);
        var block = new UserTowerBlock(graph, model, state, masks, rotary);
        for (int i = 0; i < model.Blocks - 1; i++)
        {
            x = block.EveryPosition(i, x); // [B, L, D]
        }

        x = block.LastPosition(model.Blocks - 1, x); // [B, L, D] -> [B, D]
        graph.Scope = "head";
        x = block.Norm("norm", x);
        x = graph.Linear(x, state.Linear("projection", model.Dimension, model.Dimension, bias: true));
        graph.Output(EmbeddingOutput, graph.L2Normalize(x), DataType.Float, "batch", model.Dimension);
        graph.Save(path);
    }

    /// <summary>The item table under a row of zeros, which is the padding token's: [V + 1, D].</summary>
    private static OnnxValue EmbeddingTable(OnnxGraph graph, ModelInfo model, CheckedWeights state)
    {
        float[] items = state.Get("embedding.weight", model.Items, model.Dimension);
        var table = new float[items.Length + model.Dimension];
        items.CopyTo(table, model.Dimension);
        return graph.Initializer("embedding.padded", table, model.Items + 1, model.Dimension);
    }
}
