using NanoRecSys.Core.Kernels;
using NanoRecSys.Training.Export.Onnx;

namespace NanoRecSys.Training.Export;

/// <summary>Transformer blocks in 8 bits: only products and, between two of them, one operator of NanoRecSys that reads the sums of the one
/// and writes the steps of the other; see <see cref="OnnxKernels"/>. No padding: B histories of one length L; width D, hidden width F.</summary>
internal sealed class FusedTransformer(OnnxGraph graph, ModelInfo model, CheckedWeights state)
{
    private readonly (OnnxValue Cos, OnnxValue Sin) _rotary = RotaryTables.Tables(graph, model); // [max L, d / 2] each
    private readonly AttributeProto _heads = OnnxGraph.Attribute("heads", (long)model.Heads);

    /// <summary>Whether the operators support the network, and this processor has them.</summary>
    public static bool Fits(ModelInfo model) =>
        model.Kind == BlockKinds.Transformer && model.Positions == Positions.Rotary &&
        OnnxKernels.Fit(model.Dimension, model.Heads, model.FeedForward);

    /// <summary>[B, L, D] -> [B, 1, D] after the last block, which outputs only the last position.</summary>
    public OnnxValue Blocks(OnnxValue x)
    {
        graph.Scope = "blocks.0.attn";
        Steps normed = Steps.Of(graph.KernelNode("Norm", [x, Norm("blocks.0.norm1")], 3));
        for (int i = 0; i < model.Blocks; i++)
        {
            bool isLast = i == model.Blocks - 1;
            graph.Scope = $"blocks.{i}.attn";
            LinearWeights weights = TransformerTowerBlock.QueryKeyValue(state, model, i);
            Product qkv = Multiply(normed, weights); // [B, L, 3D]
            Steps attended = Steps.Of(graph.KernelNode(
                "CausalAttention", [qkv.Sums, qkv.InputScale, qkv.Scales, Bias(weights), _rotary.Cos, _rotary.Sin], 3, _heads, OnnxGraph.Attribute("last", isLast ? 1L : 0)));
            x = isLast ? graph.Gather(x, graph.Constant(-1), axis: 1) : x; // [B, L or 1, D]
            (x, normed) = AddNorm(x, attended, TransformerTowerBlock.AttentionOutput(state, model, i), $"blocks.{i}.norm2");
            (x, normed) = FeedForward(i, x, normed, isLast ? "norm" : $"blocks.{i + 1}.norm1"); // the last norm is unused: the head's norm is in 32 bits
        }

        return x;
    }

    private (OnnxValue X, Steps Normed) FeedForward(int block, OnnxValue x, Steps normed, string norm)
    {
        graph.Scope = $"blocks.{block}.mlp";
        int width = model.Dimension, hidden = model.FeedForward;
        Product gateAndValue = Multiply(normed, state.Linear($"blocks.{block}.mlp.w_gate_val", width, 2 * hidden, bias: false)); // [B, L, 2F]
        Steps gated = Steps.Of(graph.KernelNode("SwiGlu", [gateAndValue.Sums, gateAndValue.InputScale, gateAndValue.Scales], 3)); // [B, L, F]
        return AddNorm(x, gated, state.Linear($"blocks.{block}.mlp.w_2", hidden, width, bias: false), norm);
    }

    /// <summary>x + product, and its norm as the steps of the next product.</summary>
    private (OnnxValue X, Steps Normed) AddNorm(OnnxValue x, Steps input, LinearWeights weights, string norm)
    {
        Product product = Multiply(input, weights);
        OnnxValue[] sum = graph.KernelNode("AddNorm", [product.Sums, product.InputScale, product.Scales, Bias(weights), x, Norm(norm)], 4);
        return (sum[0], Steps.Of(sum[1..]));
    }

    private Product Multiply(Steps input, LinearWeights weights)
    {
        Int8Weights int8 = Int8Weights.Write(graph, weights);
        return new Product(graph.Node("MatMulInteger", [input.Values, int8.Steps, input.Zero, int8.Zero]), input.Scale, int8.Scale);
    }

    private OnnxValue Norm(string name) => graph.Initializer($"{name}.weight", state.Get($"{name}.weight", model.Dimension), model.Dimension);

    private OnnxValue Bias(LinearWeights weights) => graph.Initializer($"{weights.Name}.bias", weights.Bias ?? new float[weights.Out], weights.Out);

    /// <summary>Values in 8-bit steps, and the size of a step.</summary>
    private sealed record Steps(OnnxValue Values, OnnxValue Scale, OnnxValue Zero)
    {
        public static Steps Of(OnnxValue[] outputs) => new(outputs[0], outputs[1], outputs[2]);
    }

    /// <summary>Sums of products of steps (int32), and the scales that turn them into numbers.</summary>
    private sealed record Product(OnnxValue Sums, OnnxValue InputScale, OnnxValue Scales);
}

/// <summary>A weight matrix in 8 bits, with one scale per output; signed, which the processor multiplies fastest.</summary>
/// <param name="Steps">int8 [In, Out]</param>
/// <param name="Scale">[Out]</param>
/// <param name="Zero">int8 [Out] of zeros.</param>
internal sealed record Int8Weights(OnnxValue Steps, OnnxValue Scale, OnnxValue Zero)
{
    public static Int8Weights Write(OnnxGraph graph, LinearWeights weights)
    {
        float[] matrix = weights.Transposed(); // [In, Out]
        var scales = new float[weights.Out];
        for (int i = 0; i < matrix.Length; i++)
        {
            scales[i % weights.Out] = Math.Max(scales[i % weights.Out], Math.Abs(matrix[i]) / sbyte.MaxValue);
        }

        sbyte[] steps = [.. matrix.Select((weight, i) => scales[i % weights.Out] is var scale and > 0 ? (sbyte)MathF.Round(weight / scale) : (sbyte)0)];
        return new Int8Weights(
            graph.Initializer($"{weights.Name}.weight.T.int8", steps, weights.In, weights.Out),
            graph.Initializer($"{weights.Name}.weight.scale", scales, weights.Out),
            graph.Initializer($"{weights.Name}.weight.zero", new sbyte[weights.Out], weights.Out));
    }
}
