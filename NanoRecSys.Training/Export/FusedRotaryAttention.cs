using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.Training.Export;

/// <summary>
/// Causal softmax attention with rotary positions by ONNX Runtime's own operators, which turn, score, mask, weigh and sum
/// one head after another in the cache. They know no padding on the left: B histories of one length L.
/// </summary>
internal sealed class FusedRotaryAttention : ITowerAttention
{
    private readonly OnnxGraph _graph;
    private readonly ModelInfo _model;
    private readonly OnnxValue _cos; // [max L, d / 2]
    private readonly OnnxValue _sin; // [max L, d / 2]
    private readonly OnnxValue _first; // int64 [1]: 0
    private readonly OnnxValue _last; // int64 [1]: L - 1
    private readonly OnnxValue _lengthsLessOne; // int32 [B]
    private readonly OnnxValue _length; // int32 [1]

    public FusedRotaryAttention(OnnxGraph graph, ModelInfo model, OnnxValue tokens)
    {
        graph.Scope = "rope";
        (_graph, _model) = (graph, model);
        (_cos, _sin) = RotaryTables.Tables(graph, model);
        OnnxValue shape = graph.Node("Shape", [tokens]); // [2]
        OnnxValue length = graph.Gather(shape, graph.Constant(1)); // [1]
        _first = graph.Constant(0);
        _last = graph.Subtract(length, graph.Constant(1));
        _length = graph.Cast(length, DataType.Int32);
        _lengthsLessOne = graph.Cast(graph.Node("Expand", [_last, graph.Gather(shape, graph.Constant(0))]), DataType.Int32);
    }

    /// <summary>Whether the operators take this network: they turn 16 values of a head at a time.</summary>
    public static bool Fits(ModelInfo model) =>
        model.Kind != BlockKinds.Hstu && model.Positions == Positions.Rotary && model.Dimension / model.Heads % 16 == 0;

    public OnnxValue EveryPosition(string name, OnnxValue qkv) => _graph.RuntimeNode(
        "GroupQueryAttention", [qkv, default, default, default, default, _lengthsLessOne, _length, _cos, _sin],
        OnnxGraph.Attribute("num_heads", _model.Heads), OnnxGraph.Attribute("kv_num_heads", _model.Heads),
        OnnxGraph.Attribute("do_rotary", 1), OnnxGraph.Attribute("scale", 1f)); // the queries come scaled

    public OnnxValue LastPosition(string name, OnnxValue query, OnnxValue keys, OnnxValue values)
    {
        OnnxValue attended = _graph.RuntimeNode(
            "MultiHeadAttention", [Turn(_graph.Unsqueeze(query, 1), _last), Turn(keys, _first), values],
            OnnxGraph.Attribute("num_heads", _model.Heads), OnnxGraph.Attribute("scale", 1f)); // [B, 1, D]
        return _graph.Reshape(attended, 0, _model.Dimension); // [B, D]
    }

    private OnnxValue Turn(OnnxValue x, OnnxValue firstPosition) =>
        _graph.RuntimeNode("RotaryEmbedding", [x, firstPosition, _cos, _sin]); // [B, L, D]
}
