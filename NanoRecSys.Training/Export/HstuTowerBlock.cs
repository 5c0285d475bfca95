using NanoRecSys.Core.Artifacts;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>x + W (RMSNorm(Attention(q, k, v)) * u) with u, q, k, v = silu(W RMSNorm(x)); width D.</summary>
internal sealed class HstuTowerBlock(OnnxGraph graph, ModelInfo model, CheckedWeights state, TowerAttention attention) : ITowerBlock
{
    private readonly int _width = model.Dimension; // D

    public OnnxValue EveryPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}";
        OnnxValue normed = Norm(block, x);
        OnnxValue qkv = graph.Silu(graph.Linear(normed, QueryKeyValue(block))); // [B, L, 3D]
        return Add(block, x, normed, attention.EveryPosition($"blocks.{block}.bias", qkv));
    }

    public OnnxValue LastPosition(int block, OnnxValue x)
    {
        graph.Scope = $"blocks.{block}";
        OnnxValue last = graph.ScalarConstant(-1L);
        LinearWeights all = QueryKeyValue(block);
        OnnxValue normed = Norm(block, x), normedLast = graph.Gather(normed, last, axis: 1); // [B, L, D], [B, D]
        OnnxValue query = graph.Silu(graph.Linear(normedLast, all.OutputRows($"{all.Name}.q", 0, _width))); // [B, D]
        OnnxValue keys = graph.Silu(graph.Linear(normed, all.OutputRows($"{all.Name}.k", _width, _width))); // [B, L, D]
        OnnxValue values = graph.Silu(graph.Linear(normed, all.OutputRows($"{all.Name}.v", 2 * _width, _width))); // [B, L, D]
        OnnxValue mixed = attention.LastPosition($"blocks.{block}.bias", query, keys, values); // [B, D]
        return Add(block, graph.Gather(x, last, axis: 1), normedLast, mixed);
    }

    private OnnxValue Add(int block, OnnxValue x, OnnxValue normed, OnnxValue mixed)
    {
        OnnxValue gate = graph.Silu(graph.Linear(normed, state.Linear($"blocks.{block}.u_proj", _width, _width, bias: true)));
        OnnxValue gated = graph.Multiply(graph.RmsNorm(mixed, state, $"blocks.{block}.attn_norm", _width), gate);
        return graph.Add(x, graph.Linear(gated, state.Linear($"blocks.{block}.out_proj", _width, _width, bias: true)));
    }

    private OnnxValue Norm(int block, OnnxValue x) => graph.RmsNorm(x, state, $"blocks.{block}.norm", _width);

    private LinearWeights QueryKeyValue(int block) => state.Linear($"blocks.{block}.qkv_proj", _width, 3 * _width, bias: true);
}
