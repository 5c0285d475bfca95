using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>
/// One block of the user tower in the exported graph: x + Attention(RMSNorm(x)), then x + SwiGLU(RMSNorm(x)), each addition
/// behind a gate where the network has gates; width D, hidden width F. Dropout is absent: it only trains.
/// </summary>
internal sealed class TransformerTowerBlock(OnnxGraph graph, ModelInfo model, CheckedWeights state, TowerAttention attention)
{
    private readonly int _width = model.Dimension; // D

    /// <summary>[B, L, D] -> [B, L, D]</summary>
    public OnnxValue EveryPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.attn";
        OnnxValue normed = graph.RmsNorm(x, state, $"blocks.{block}.norm1", _width);
        OnnxValue merged = attention.EveryPosition($"blocks.{block}.attn.bias", graph.Linear(normed, QueryKeyValue(state, model, block))); // [B, L, D]
        return FeedForward(block, Add(block, "gate1", x, graph.Linear(merged, AttentionOutput(state, model, block))));
    }

    /// <summary>[B, L, D] -> [B, D]: keys and values of every position, the query and all that follows of the last.</summary>
    public OnnxValue LastPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.attn";
        OnnxValue last = graph.ScalarConstant(-1L);
        LinearWeights all = QueryKeyValue(state, model, block);
        OnnxValue normed = graph.RmsNorm(x, state, $"blocks.{block}.norm1", _width);
        OnnxValue query = graph.Linear(graph.Gather(normed, last, axis: 1), all.OutputRows($"{all.Name}.q", 0, _width)); // [B, D]
        OnnxValue keys = graph.Linear(normed, all.OutputRows($"{all.Name}.k", _width, _width)); // [B, L, D]
        OnnxValue values = graph.Linear(normed, all.OutputRows($"{all.Name}.v", 2 * _width, _width)); // [B, L, D]
        OnnxValue merged = attention.LastPosition($"blocks.{block}.attn.bias", query, keys, values); // [B, D]
        return FeedForward(block, Add(block, "gate1", graph.Gather(x, last, axis: 1), graph.Linear(merged, AttentionOutput(state, model, block))));
    }

    /// <summary>[..., D] -> [..., D] with the residual.</summary>
    private OnnxValue FeedForward(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.mlp";
        int hidden = model.FeedForward;
        OnnxValue normed = graph.RmsNorm(x, state, $"blocks.{block}.norm2", _width);
        LinearWeights gateAndValue = state.Linear($"blocks.{block}.mlp.w_gate_val", _width, 2 * hidden, bias: false);
        OnnxValue gate = graph.Linear(normed, gateAndValue.OutputRows($"{gateAndValue.Name}.gate", 0, hidden)); // [..., F]
        OnnxValue value = graph.Linear(normed, gateAndValue.OutputRows($"{gateAndValue.Name}.value", hidden, hidden)); // [..., F]
        OnnxValue gated = graph.Multiply(graph.Silu(gate), value);
        return Add(block, "gate2", x, graph.Linear(gated, state.Linear($"blocks.{block}.mlp.w_2", hidden, _width, bias: false)));
    }

    private OnnxValue Add(int block, string gate, OnnxValue x, OnnxValue update)
    {
        if (model.Kind == BlockKinds.Gated)
        {
            OnnxValue opened = graph.Node("Sigmoid", [graph.Linear(x, state.Linear($"blocks.{block}.{gate}", _width, _width, bias: true))]);
            update = graph.Multiply(opened, update);
        }

        return graph.Add(x, update);
    }

    /// <summary>The projection to q, k and v, with the scores' 1/sqrt(d) already in q's rows.</summary>
    public static LinearWeights QueryKeyValue(CheckedWeights state, ModelInfo model, int block)
    {
        int width = model.Dimension;
        LinearWeights trained = state.Linear($"blocks.{block}.attn.qkv_proj", width, 3 * width, bias: true);
        var scale = new float[3 * width];
        scale.AsSpan(0, width).Fill(1 / MathF.Sqrt((float)width / model.Heads));
        scale.AsSpan(width).Fill(1);
        return trained.ThenScale(scale, new float[3 * width]);
    }

    public static LinearWeights AttentionOutput(CheckedWeights state, ModelInfo model, int block) =>
        state.Linear($"blocks.{block}.attn.out_proj", model.Dimension, model.Dimension, bias: true);
}
