using Google.Protobuf;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Training.Export.Onnx;

/// <summary>Builds one ONNX model, operator by operator, in execution order. Node names include the <see cref="Scope"/>, so that a profile
/// of the runtime reads like the network.</summary>
internal sealed class OnnxGraph(string name)
{
    /// <summary>17 has every operator we need in its simplest form (ReduceMean's axes are an attribute), and the runtime's fusions support
    /// it.</summary>
    private const int Opset = 17;

    /// <summary>The file format's version for opset 17.</summary>
    private const int IrVersion = 8;

    private readonly GraphProto _graph = new() { Name = name };
    private readonly HashSet<string> _initializers = [];
    private readonly Dictionary<OnnxValue, OnnxValue[]> _quantized = [];

    /// <summary>Prefix of the names of the nodes that follow, such as <c>blocks.0.attn</c>.</summary>
    public string Scope { get; set; } = name;

    /// <summary>Prefix of the names of the nodes and weights that follow: <c>members.1.</c> if a graph contains several networks.</summary>
    public string Prefix { get; set; } = "";

    /// <summary>Whether <see cref="OnnxOperators.Linear"/> multiplies in 8 bits.</summary>
    public bool IsInt8 { get; set; }

    public OnnxValue Input(string name, TensorProto.Types.DataType type, params ReadOnlySpan<OnnxAxis> shape)
    {
        _graph.Input.Add(Describe(name, type, shape));
        return new OnnxValue(name);
    }

    public void Output(string name, OnnxValue value, TensorProto.Types.DataType type, params ReadOnlySpan<OnnxAxis> shape)
    {
        var node = new NodeProto { Name = name, OpType = "Identity" };
        node.Input.Add(value.Name);
        node.Output.Add(name);
        _graph.Node.Add(node);
        _graph.Output.Add(Describe(name, type, shape));
    }

    /// <param name="values">Row-major.</param>
    public OnnxValue Initializer(string name, ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        Initializer(Prefix + name, TensorProto.Types.DataType.Float, MemoryMarshal.AsBytes(values), shape);

    /// <summary>The same in 8 bits.</summary>
    public OnnxValue Initializer(string name, ReadOnlySpan<sbyte> values, params ReadOnlySpan<long> shape) =>
        Initializer(Prefix + name, TensorProto.Types.DataType.Int8, MemoryMarshal.AsBytes(values), shape);

    /// <summary>A small vector of integers: a shape, axes, an index. Equal vectors are stored once.</summary>
    public OnnxValue Constant(params ReadOnlySpan<long> values) =>
        Initializer($"const.[{string.Join(',', values.ToArray())}]", TensorProto.Types.DataType.Int64, MemoryMarshal.AsBytes(values), [values.Length]);

    public OnnxValue ScalarConstant(long value) =>
        Initializer($"const.{value}", TensorProto.Types.DataType.Int64, MemoryMarshal.AsBytes([value]), []);

    public OnnxValue ScalarConstant(float value) =>
        Initializer($"const.{value:R}f", TensorProto.Types.DataType.Float, MemoryMarshal.AsBytes([value]), []);

    public OnnxValue ScalarConstant(double value) =>
        Initializer($"const.{value:R}d", TensorProto.Types.DataType.Double, MemoryMarshal.AsBytes([value]), []);

    public OnnxValue Node(string operation, ReadOnlySpan<OnnxValue> inputs, params ReadOnlySpan<AttributeProto> attributes) =>
        Node(operation, inputs, outputs: 1, attributes)[0];

    public OnnxValue[] Node(string operation, ReadOnlySpan<OnnxValue> inputs, int outputs, params ReadOnlySpan<AttributeProto> attributes) =>
        Node("", operation, inputs, outputs, attributes);

    /// <summary>Adds one of this program's operators; see <see cref="OnnxKernels"/>.</summary>
    public OnnxValue[] KernelNode(string operation, ReadOnlySpan<OnnxValue> inputs, int outputs, params ReadOnlySpan<AttributeProto> attributes) =>
        Node(OnnxKernels.Domain, operation, inputs, outputs, attributes);

    /// <summary>8-bit steps with their scale and zero point, determined dynamically. Computed once for all products that read the same
    /// values.</summary>
    public OnnxValue[] Quantize(OnnxValue x)
    {
        if (!_quantized.TryGetValue(x, out OnnxValue[]? quantized))
        {
            _quantized[x] = quantized = Node("DynamicQuantizeLinear", [x], outputs: 3);
        }

        return quantized;
    }

    private OnnxValue[] Node(string domain, string operation, ReadOnlySpan<OnnxValue> inputs, int outputs, ReadOnlySpan<AttributeProto> attributes)
    {
        var node = new NodeProto { Domain = domain, OpType = operation, Name = $"{Prefix}{Scope}/{operation}.{_graph.Node.Count}" };
        foreach (OnnxValue input in inputs)
        {
            node.Input.Add(input.Name ?? "");
        }

        for (int i = 0; i < outputs; i++)
        {
            node.Output.Add(outputs == 1 ? node.Name : $"{node.Name}.{i}");
        }

        node.Attribute.AddRange(attributes.ToArray());
        _graph.Node.Add(node);
        return [.. node.Output.Select(output => new OnnxValue(output))];
    }

    public static AttributeProto Attribute(string name, long value) =>
        new() { Name = name, Type = AttributeProto.Types.AttributeType.Int, I = value };

    public static AttributeProto Attribute(string name, params ReadOnlySpan<long> values)
    {
        var attribute = new AttributeProto { Name = name, Type = AttributeProto.Types.AttributeType.Ints };
        attribute.Ints.AddRange(values.ToArray());
        return attribute;
    }

    /// <summary>Writes the model; a reader sees the old file or the whole new one.</summary>
    public void Save(string path)
    {
        var model = new ModelProto { IrVersion = IrVersion, ProducerName = "NanoRecSys", Graph = _graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = Opset });
        foreach (string domain in _graph.Node.Select(node => node.Domain).Where(domain => domain.Length > 0).Distinct())
        {
            model.OpsetImport.Add(new OperatorSetIdProto { Domain = domain, Version = 1 });
        }

        AtomicFile.Write(path, file => model.WriteTo(file));
    }

    private OnnxValue Initializer(string name, TensorProto.Types.DataType type, ReadOnlySpan<byte> bytes, ReadOnlySpan<long> shape)
    {
        if (_initializers.Add(name))
        {
            var tensor = new TensorProto { Name = name, DataType = (int)type, RawData = ByteString.CopyFrom(bytes) };
            tensor.Dims.AddRange(shape.ToArray());
            _graph.Initializer.Add(tensor);
        }

        return new OnnxValue(name);
    }

    private static ValueInfoProto Describe(string name, TensorProto.Types.DataType type, ReadOnlySpan<OnnxAxis> shape)
    {
        var tensor = new TypeProto.Types.Tensor { ElemType = (int)type, Shape = new TensorShapeProto() };
        foreach (OnnxAxis axis in shape)
        {
            tensor.Shape.Dim.Add(axis.Name is null
                ? new TensorShapeProto.Types.Dimension { DimValue = axis.Size!.Value }
                : new TensorShapeProto.Types.Dimension { DimParam = axis.Name });
        }

        return new ValueInfoProto { Name = name, Type = new TypeProto { TensorType = tensor } };
    }
}

/// <summary>The operators that the networks use, each with the shapes it maps.</summary>
internal static class OnnxOperators
{
    private const float RmsEpsilon = 1e-6f;

    public static OnnxValue Add(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Add", [a, b]);

    public static OnnxValue Subtract(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Sub", [a, b]);

    public static OnnxValue Multiply(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Mul", [a, b]);

    public static OnnxValue Divide(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Div", [a, b]);

    public static OnnxValue Max(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("Max", [a, b]);

    public static OnnxValue Relu(this OnnxGraph graph, OnnxValue x) => graph.Node("Relu", [x]);

    /// <summary>[..., n, k] x [..., k, m] -> [..., n, m]</summary>
    public static OnnxValue MatMul(this OnnxGraph graph, OnnxValue a, OnnxValue b) => graph.Node("MatMul", [a, b]);

    public static OnnxValue Softmax(this OnnxGraph graph, OnnxValue x) => graph.Node("Softmax", [x], OnnxGraph.Attribute("axis", -1));

    /// <summary>In <paramref name="shape"/>, 0 keeps that axis and -1 infers its size.</summary>
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

    /// <summary>x / sqrt(mean(x^2) + eps) * weight, written as the runtime's fusion expects it.</summary>
    public static OnnxValue RmsNorm(this OnnxGraph graph, OnnxValue x, CheckedWeights state, string name, int width)
    {
        OnnxValue weight = graph.Initializer($"{name}.weight", state.Get($"{name}.weight", width), width);
        OnnxValue square = graph.Node("Pow", [x, graph.ScalarConstant(2f)]);
        OnnxValue mean = graph.Node("ReduceMean", [square], OnnxGraph.Attribute("axes", [-1]), OnnxGraph.Attribute("keepdims", 1));
        OnnxValue root = graph.Node("Sqrt", [graph.Add(mean, graph.ScalarConstant(RmsEpsilon))]);
        return graph.Multiply(graph.Divide(x, root), weight);
    }

    /// <summary>[..., in] -> [..., out]. The only place where activations meet a weight matrix: a quantized graph differs only here.</summary>
    /// <param name="isInt8">Whether this layer multiplies in 8 bits even if the graph does not.</param>
    public static OnnxValue Linear(this OnnxGraph graph, OnnxValue x, LinearWeights weights, bool isInt8 = false)
    {
        OnnxValue product = isInt8 || graph.IsInt8
            ? graph.MultiplyInt8(x, weights)
            : graph.MatMul(x, graph.Initializer($"{weights.Name}.weight.T", weights.Transposed(), weights.In, weights.Out));
        return weights.Bias is null
            ? product
            : graph.Add(product, graph.Initializer($"{weights.Name}.bias", weights.Bias, weights.Out));
    }

    /// <summary>The product in 8 bits: one scale per output for the weights, a dynamic one for the activations. Written as the runtime's
    /// fusion into one operator expects it.</summary>
    private static OnnxValue MultiplyInt8(this OnnxGraph graph, OnnxValue x, LinearWeights weights)
    {
        Int8Weights int8 = Int8Weights.Write(graph, weights);
        OnnxValue[] quantized = graph.Quantize(x);
        OnnxValue product = graph.Cast(graph.Node("MatMulInteger", [quantized[0], int8.Steps, quantized[2], int8.Zero]), TensorProto.Types.DataType.Float);
        return graph.Multiply(product, graph.Multiply(quantized[1], int8.Scale));
    }
}

/// <summary>An edge of a graph: an input, an initializer or a node's output, by its name.</summary>
internal readonly record struct OnnxValue(string Name);

/// <summary>One axis of an input's or output's shape: a size, or the name of a dynamic axis.</summary>
internal readonly record struct OnnxAxis(long? Size, string? Name)
{
    public static implicit operator OnnxAxis(long size) => new(size, null);

    public static implicit operator OnnxAxis(string name) => new(null, name);
}

/// <summary>A graph's inputs and outputs, read from its file.</summary>
internal static class OnnxDescription
{
    /// <exception cref="InvalidDataException">Not an ONNX file.</exception>
    public static OnnxInfo Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        try
        {
            GraphProto graph = ModelProto.Parser.ParseFrom(file).Graph ?? throw new InvalidDataException($"{path} contains no graph.");
            return new OnnxInfo(Path.GetFileName(path), [.. graph.Input.Select(Describe)], [.. graph.Output.Select(Describe)]);
        }
        catch (InvalidProtocolBufferException e)
        {
            throw new InvalidDataException($"{path} is not an ONNX file: {e.Message}", e);
        }
    }

    private static TensorInfo Describe(ValueInfoProto value)
    {
        TypeProto.Types.Tensor tensor = value.Type.TensorType;
        string type = (TensorProto.Types.DataType)tensor.ElemType switch
        {
            TensorProto.Types.DataType.Float => "float32",
            TensorProto.Types.DataType.Int64 => "int64",
            var other => other.ToString(),
        };
        return new TensorInfo(value.Name, type, [.. tensor.Shape.Dim.Select(axis =>
            axis.ValueCase == TensorShapeProto.Types.Dimension.ValueOneofCase.DimParam
                ? axis.DimParam
                : axis.DimValue.ToString(CultureInfo.InvariantCulture))]);
    }
}
