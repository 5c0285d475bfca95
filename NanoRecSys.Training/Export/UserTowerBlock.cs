using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>
/// One pre-norm transformer block: x + Attention(RMSNorm(x)), then x + SwiGLU(RMSNorm(x)); B sequences of
/// length L, width D, H heads of width d, hidden width F. Dropout is absent: it only trains.
/// </summary>
internal sealed class UserTowerBlock(OnnxGraph graph, ModelInfo model, CheckedWeights state, AttentionMasks masks, RotaryTables rotary)
{
    private const float RmsEpsilon = 1e-6f;
    private readonly int _width = model.Dimension; // D
    private readonly int _headWidth = model.Dimension / model.Heads; // d

    /// <summary>[B, L, D] -> [B, L, D]</summary>
    public OnnxValue EveryPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.attn";
        OnnxValue normed = Norm($"blocks.{block}.norm1", x);
        OnnxValue[] projected = graph.Split(graph.Linear(normed, QueryKeyValue(block)), -1, 2 * _width, _width); // [B, L, 2D], [B, L, D]
        OnnxValue queriesAndKeys = Heads(projected[0], 2 * model.Heads); // turned together: half as many operators
        OnnxValue[] turned = graph.Split(rotary.Rotate(graph, queriesAndKeys, _headWidth), 2, model.Heads, model.Heads); // [B, L, H, d] each
        OnnxValue attended = Attend(
            graph.Transpose(turned[0], 0, 2, 1, 3), // [B, H, L, d]
            turned[1], Heads(projected[1], model.Heads), masks.PaddingAndFuture);
        OnnxValue merged = graph.Reshape(graph.Transpose(attended, 0, 2, 1, 3), 0, 0, _width); // [B, H, L, d] -> [B, L, D]
        return FeedForward(block, graph.Add(x, graph.Linear(merged, AttentionOutput(block))));
    }

    /// <summary>[B, L, D] -> [B, D]: keys and values of every position, the query and all that follows of the last.</summary>
    public OnnxValue LastPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.attn";
        OnnxValue last = graph.ScalarConstant(-1L);
        LinearWeights all = QueryKeyValue(block);
        OnnxValue normed = Norm($"blocks.{block}.norm1", x);
        OnnxValue query = graph.Linear(graph.Gather(normed, last, axis: 1), all.OutputRows($"{all.Name}.q", 0, _width)); // [B, D]
        OnnxValue[] projected = graph.Split(graph.Linear(normed, all.OutputRows($"{all.Name}.kv", _width, 2 * _width)), -1, _width, _width);

        query = rotary.Last(graph).Rotate(graph, graph.Reshape(query, 0, 1, model.Heads, _headWidth), _headWidth); // [B, 1, H, d]
        OnnxValue keys = rotary.Rotate(graph, Heads(projected[0], model.Heads), _headWidth);
        OnnxValue attended = Attend(
            graph.Reshape(query, 0, model.Heads, 1, _headWidth), // [B, H, 1, d]
            keys, Heads(projected[1], model.Heads), masks.Padding);
        OnnxValue merged = graph.Reshape(attended, 0, _width); // [B, H, 1, d] -> [B, D]
        return FeedForward(block, graph.Add(graph.Gather(x, last, axis: 1), graph.Linear(merged, AttentionOutput(block))));
    }

    public OnnxValue Norm(string name, OnnxValue x) =>
        graph.RmsNorm(x, graph.Initializer($"{name}.weight", state.Get($"{name}.weight", _width), _width), RmsEpsilon);

    /// <summary>[B, H, Q, d], [B, L, H, d], [B, L, H, d] -> [B, H, Q, d]; queries come scaled.</summary>
    private OnnxValue Attend(OnnxValue queries, OnnxValue keys, OnnxValue values, OnnxValue mask)
    {
        OnnxValue scores = graph.MatMul(queries, graph.Transpose(keys, 0, 2, 3, 1)); // [B, H, Q, L]
        OnnxValue shares = graph.Softmax(graph.Add(scores, mask));
        return graph.MatMul(shares, graph.Transpose(values, 0, 2, 1, 3));
    }

    /// <summary>[..., D] -> [..., D] with the residual.</summary>
    private OnnxValue FeedForward(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}.mlp";
        int hidden = model.FeedForward;
        OnnxValue normed = Norm($"blocks.{block}.norm2", x);
        OnnxValue gateAndValue = graph.Linear(normed, state.Linear($"blocks.{block}.mlp.w_gate_val", _width, 2 * hidden, bias: false));
        OnnxValue[] parts = graph.Split(gateAndValue, -1, hidden, hidden); // gate first
        OnnxValue gated = graph.Multiply(graph.Silu(parts[0]), parts[1]); // [..., F]
        return graph.Add(x, graph.Linear(gated, state.Linear($"blocks.{block}.mlp.w_2", hidden, _width, bias: false)));
    }

    /// <summary>The projection to q, k and v, with the scores' 1/sqrt(d) already in q's rows.</summary>
    private LinearWeights QueryKeyValue(int block)
    {
        LinearWeights trained = state.Linear($"blocks.{block}.attn.qkv_proj", _width, 3 * _width, bias: true);
        var scale = new float[3 * _width];
        scale.AsSpan(0, _width).Fill(1 / MathF.Sqrt(_headWidth));
        scale.AsSpan(_width).Fill(1);
        return trained.ThenScale(scale, new float[3 * _width]);
    }

    private LinearWeights AttentionOutput(int block) => state.Linear($"blocks.{block}.attn.out_proj", _width, _width, bias: true);

    private OnnxValue Heads(OnnxValue x, int heads) => graph.Reshape(x, 0, 0, heads, _headWidth); // [B, L, H * d] -> [B, L, H, d]
}
