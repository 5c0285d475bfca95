using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>
/// The trained user tower as an ONNX graph: <c>tokens</c> int64 [batch, length] (0 is padding, on the left) ->
/// <c>user_embedding</c> float32 [batch, D], L2-normalised. A network with a time bias also reads <c>times</c> int64
/// [batch, length] and <c>now</c> int64 [batch], in seconds. Only the last position is served, so only it leaves the
/// last block.
/// </summary>
public static class UserTowerGraph
{
    public const string TokensInput = "tokens";
    public const string TimesInput = "times";
    public const string NowInput = "now";
    public const string EmbeddingOutput = "user_embedding";

    /// <param name="path">File to write.</param>
    /// <param name="model">The configuration that the weights were trained with.</param>
    /// <param name="weights">The state dictionary; see <see cref="SafetensorsFile"/>.</param>
    /// <param name="isInt8">
    /// Whether to write what serves alone: the blocks' products in 8 bits, our own kernels between them where they fit, and no
    /// padding, so that all histories of a batch are of one length.
    /// </param>
    /// <exception cref="InvalidDataException">A tensor is missing or does not fit the configuration.</exception>
    public static void Write(string path, ModelInfo model, IReadOnlyDictionary<string, NamedTensor> weights, bool isInt8 = false)
    {
        ArgumentNullException.ThrowIfNull(model);
        var state = new CheckedWeights(weights);
        var graph = new OnnxGraph("user_tower") { IsInt8 = isInt8 };
        OnnxValue tokens = graph.Input(TokensInput, DataType.Int64, "batch", "length");
        OnnxValue user = isInt8 && FusedTransformer.Fits(model)
            ? graph.Squeeze(new FusedTransformer(graph, model, state).Blocks(Embed(graph, model, state, tokens)), 1)
            : Blocks(graph, model, state, tokens, isPadded: !isInt8); // [B, D]
        graph.Output(EmbeddingOutput, Head(graph, model, state, user), DataType.Float, "batch", model.Dimension);
        graph.Save(path);
    }

    private static OnnxValue Blocks(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue tokens, bool isPadded)
    {
        TransformerTowerBlock block = Block(graph, model, state, tokens, isPadded);
        OnnxValue x = Embed(graph, model, state, tokens); // [B, L, D]
        for (int i = 0; i < model.Blocks - 1; i++)
        {
            x = block.EveryPosition(i, x); // [B, L, D]
        }

        return block.LastPosition(model.Blocks - 1, x); // [B, L, D] -> [B, D]
    }

    /// <summary>[B, D] -> [B, D], L2-normalised; in 32 bits always, for it is one row.</summary>
    internal static OnnxValue Head(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue x)
    {
        graph.Scope = "head";
        graph.IsInt8 = false;
        x = graph.RmsNorm(x, state, "norm", model.Dimension);
        return graph.L2Normalize(graph.Linear(x, state.Linear("projection", model.Dimension, model.Dimension, bias: true)));
    }

    internal static TransformerTowerBlock Block(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue tokens, bool isPadded) =>
        new(graph, model, state, Attention(graph, model, state, tokens, isPadded));

    private static TowerAttention Attention(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue tokens, bool isPadded)
    {
        OnnxValue? times = model.TimeBias ? graph.Input(TimesInput, DataType.Int64, "batch", "length") : null;
        OnnxValue? now = model.TimeBias ? graph.Input(NowInput, DataType.Int64, "batch") : null;
        RotaryTables? rotary = model.Positions == Positions.Rotary ? RotaryTables.Build(graph, model, tokens) : null;
        RelativeBiases? biases = model.Positions == Positions.Relative ? RelativeBiases.Build(graph, tokens, times, now) : null;
        return new TowerAttention(graph, model, state, AttentionMasks.Build(graph, tokens, isPadded), rotary, biases);
    }

    internal static OnnxValue Embed(OnnxGraph graph, ModelInfo model, CheckedWeights state, OnnxValue tokens)
    {
        graph.Scope = "embedding";
        return graph.Gather(EmbeddingTable(graph, model, state), tokens); // [V + 1, D], [B, L] -> [B, L, D]
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
