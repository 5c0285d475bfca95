namespace NanoRecSys.Training.Export.Onnx;

/// <summary>The operators that our networks use, each with the shapes it maps.</summary>
internal static class OnnxOperators
{
    private const float RmsEpsilon = 1e-6f;

    public static OnnxValue Add(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Add", [a, b]);

    public static OnnxValue Subtract(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Sub", [a, b]);

    public static OnnxValue Multiply(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Mul", [a, b]);

    public static OnnxValue Divide(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Div", [a, b]);

    public static OnnxValue Max(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Max", [a, b]);

    public static OnnxValue Or(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Or", [a, b]);

    public static OnnxValue Where(this OnnxGraph graph, OnnxValue condition, OnnxValue then, OnnxValue otherwise) =>
        graph.Node("Where", [condition, then, otherwise]);

    public static OnnxValue Relu(this OnnxGraph graph, OnnxValue x) => graph.Node("Relu", [x]);

    /// <summary>[..., n, k] x [..., k, m] -> [..., n, m]</summary>
    public static OnnxValue MatMul(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("MatMul", [a, b]);

    public static OnnxValue Softmax(this OnnxGraph graph, OnnxValue x) => graph.Node("Softmax", [x], OnnxGraph.Attribute("axis", -1));

    /// <summary>0 in <paramref name="shape"/> keeps that axis, -1 takes what is left.</summary>
    public static OnnxValue Reshape(this OnnxGraph graph, OnnxValue x, params ReadOnlySpan<long> shape) =>
        graph.Node("Reshape", [x, graph.Constant(shape)]);

    public static OnnxValue Transpose(this OnnxGraph graph, OnnxValue x, params ReadOnlySpan<long> order) =>
        graph.Node("Transpose", [x], OnnxGraph.Attribute("perm", order));

    public static OnnxValue Unsqueeze(this OnnxGraph graph, OnnxValue x, params ReadOnlySpan<long> axes) =>
        graph.Node("Unsqueeze", [x, graph.Constant(axes)]);

    public static OnnxValue Squeeze(this OnnxGraph graph, OnnxValue x, params ReadOnlySpan<long> axes) =>
        graph.Node("Squeeze", [x, graph.Constant(axes)]);

    /// <summary>Rows <paramref name="indices"/> of <paramref name="x"/> along an axis; a scalar index removes the axis.</summary>
    public static OnnxValue Gather(this OnnxGraph graph, OnnxValue x, OnnxValue indices, int axis = 0) =>
        graph.Node("Gather", [x, indices], OnnxGraph.Attribute("axis", axis));

    public static OnnxValue Concat(this OnnxGraph graph, int axis, params ReadOnlySpan<OnnxValue> parts) =>
        graph.Node("Concat", parts, OnnxGraph.Attribute("axis", axis));

    /// <summary>Cuts an axis into parts of the given sizes.</summary>
    public static OnnxValue[] Split(this OnnxGraph graph, OnnxValue x, int axis, params ReadOnlySpan<long> sizes) =>
        graph.Node("Split", [x, graph.Constant(sizes)], sizes.Length, OnnxGraph.Attribute("axis", axis));

    public static OnnxValue ReduceSum(this OnnxGraph graph, OnnxValue x, int axis) =>
        graph.Node("ReduceSum", [x, graph.Constant(axis)], OnnxGraph.Attribute("keepdims", 1));

    /// <summary>silu(x) = x * sigmoid(x), which the runtime fuses.</summary>
    public static OnnxValue Silu(this OnnxGraph graph, OnnxValue x) => graph.Multiply(x, graph.Node("Sigmoid", [x]));

    /// <summary>x / max(|x|, 1e-12) along the last axis, as PyTorch's <c>normalize</c>.</summary>
    public static OnnxValue L2Normalize(this OnnxGraph graph, OnnxValue x)
    {
        OnnxValue norm = graph.Node("ReduceL2", [x], OnnxGraph.Attribute("axes", [-1]), OnnxGraph.Attribute("keepdims", 1));
        return graph.Divide(x, graph.Max(norm, graph.ScalarConstant(1e-12f)));
    }

    public static OnnxValue Cast(this OnnxGraph graph, OnnxValue x, TensorProto.Types.DataType type) =>
        graph.Node("Cast", [x], OnnxGraph.Attribute("to", (long)type));

    /// <summary>x / sqrt(mean(x^2) + eps) * weight, spelled as the runtime's fusion expects it.</summary>
    public static OnnxValue RmsNorm(this OnnxGraph graph, OnnxValue x, CheckedWeights state, string name, int width)
    {
        OnnxValue weight = graph.Initializer($"{name}.weight", state.Get($"{name}.weight", width), width);
        OnnxValue square = graph.Node("Pow", [x, graph.ScalarConstant(2f)]);
        OnnxValue mean = graph.Node("ReduceMean", [square], OnnxGraph.Attribute("axes", [-1]), OnnxGraph.Attribute("keepdims", 1));
        OnnxValue root = graph.Node("Sqrt", [graph.Add(mean, graph.ScalarConstant(RmsEpsilon))]);
        return graph.Multiply(graph.Divide(x, root), weight);
    }

    /// <summary>
    /// [..., in] -> [..., out]. The only place where activations meet a weight matrix: a quantized graph
    /// differs here alone.
    /// </summary>
    public static OnnxValue Linear(this OnnxGraph graph, OnnxValue x, LinearWeights weights)
    {
        if (graph.IsInt8)
        {
            return graph.LinearInt8(x, weights);
        }

        OnnxValue matrix = graph.Initializer($"{weights.Name}.weight.T", weights.Transposed(), weights.In, weights.Out);
        OnnxValue product = graph.MatMul(x, matrix);
        return weights.Bias is null
            ? product
            : graph.Add(product, graph.Initializer($"{weights.Name}.bias", weights.Bias, weights.Out));
    }

    /// <summary>
    /// As <see cref="Linear"/>, in 8 bits: each output's weights by a scale of their own, the activations by one
    /// that is found as they come. Spelled as the runtime's fusion into one operator expects it.
    /// </summary>
    public static OnnxValue LinearInt8(this OnnxGraph graph, OnnxValue x, LinearWeights weights)
    {
        Int8Weights int8 = Int8Weights.Write(graph, weights);
        OnnxValue[] quantized = graph.Quantize(x);
        OnnxValue product = graph.Cast(graph.Node("MatMulInteger", [quantized[0], int8.Steps, quantized[2], int8.Zero]), TensorProto.Types.DataType.Float);
        OnnxValue scaled = graph.Multiply(product, graph.Multiply(quantized[1], int8.Scale));
        return weights.Bias is null ? scaled : graph.Add(scaled, graph.Initializer($"{weights.Name}.bias", weights.Bias, weights.Out));
    }
}
