using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>Causal attention in the exported graph; B sequences of length L, H heads of width d.</summary>
/// <param name="graph">To build in.</param>
/// <param name="model">Sizes.</param>
/// <param name="state">Holds the biases.</param>
/// <param name="masks">Of the batch.</param>
/// <param name="rotary">With rotary positions.</param>
/// <param name="biases">With relative positions.</param>
internal sealed class TowerAttention(
    OnnxGraph graph, ModelInfo model, CheckedWeights state, AttentionMasks masks, RotaryTables? rotary, RelativeBiases? biases)
{
    private readonly int _width = model.Dimension; // D
    private readonly int _headWidth = model.Dimension / model.Heads; // d

    /// <param name="name">Of the layer's biases.</param>
    /// <param name="qkv">[B, L, 3D]; scaled queries.</param>
    /// <returns>[B, L, D]</returns>
    public OnnxValue EveryPosition(string name, OnnxValue qkv)
    {
        OnnxValue[] projected = graph.Split(qkv, -1, 2 * _width, _width); // [B, L, 2D], [B, L, D]
        OnnxValue queriesAndKeys = Turn(Heads(projected[0], 2 * model.Heads)); // turned together: half as many operators
        OnnxValue[] turned = graph.Split(queriesAndKeys, 2, model.Heads, model.Heads); // [B, L, H, d] each
        OnnxValue attended = Attend(
            name, graph.Transpose(turned[0], 0, 2, 1, 3), // [B, H, L, d]
            turned[1], Heads(projected[1], model.Heads), masks.PaddingAndFuture, isLast: false);
        return graph.Reshape(graph.Transpose(attended, 0, 2, 1, 3), 0, 0, _width); // [B, H, L, d] -> [B, L, D]
    }

    /// <param name="name">Of the layer's biases.</param>
    /// <param name="query">[B, D] of the last position, scaled.</param>
    /// <param name="keys">[B, L, D]</param>
    /// <param name="values">[B, L, D]</param>
    /// <returns>[B, D]</returns>
    public OnnxValue LastPosition(string name, OnnxValue query, OnnxValue keys, OnnxValue values)
    {
        OnnxValue queries = graph.Reshape(query, 0, 1, model.Heads, _headWidth); // [B, 1, H, d]
        queries = rotary is null ? queries : rotary.Last(graph).Rotate(graph, queries, _headWidth);
        OnnxValue attended = Attend(
            name, graph.Reshape(queries, 0, model.Heads, 1, _headWidth), // [B, H, 1, d]
            Turn(Heads(keys, model.Heads)), Heads(values, model.Heads), masks.Padding, isLast: true);
        return graph.Reshape(attended, 0, _width); // [B, H, 1, d] -> [B, D]
    }

    /// <summary>[B, H, Q, d], [B, L, H, d], [B, L, H, d] -> [B, H, Q, d]</summary>
    private OnnxValue Attend(string name, OnnxValue queries, OnnxValue keys, OnnxValue values, OnnxValue? mask, bool isLast)
    {
        OnnxValue scores = graph.MatMul(queries, graph.Transpose(keys, 0, 2, 3, 1)); // [B, H, Q, L]
        if (biases is not null)
        {
            scores = graph.Add(scores, biases.Of(graph, state, name, model, isLast));
        }

        OnnxValue weights = graph.Softmax(mask is { } masked ? graph.Add(scores, masked) : scores);
        return graph.MatMul(weights, graph.Transpose(values, 0, 2, 1, 3));
    }

    private OnnxValue Turn(OnnxValue x) => rotary is null ? x : rotary.Rotate(graph, x, _headWidth);

    private OnnxValue Heads(OnnxValue x, int heads) => graph.Reshape(x, 0, 0, heads, _headWidth); // [B, L, H * d] -> [B, L, H, d]
}
