using System.Runtime.InteropServices;
using Google.Protobuf;
using NanoRecSys.Core.Kernels;

namespace NanoRecSys.Training.Export.Onnx;

/// <summary>
/// Builds one ONNX model, operator by operator, in the order in which it runs. Node names carry the
/// <see cref="Scope"/>, so that a profile of the runtime reads like the network.
/// </summary>
internal sealed class OnnxGraph(string name)
{
    /// <summary>
    /// 17 has every operator that we need in its simplest form (ReduceMean's axes are an attribute), and the
    /// runtime's fusions know it.
    /// </summary>
    private const int Opset = 17;

    /// <summary>The file format's version that belongs to opset 17.</summary>
    private const int IrVersion = 8;

    private readonly GraphProto _graph = new() { Name = name };
    private readonly HashSet<string> _initializers = [];
    private readonly Dictionary<OnnxValue, OnnxValue[]> _quantized = [];

    /// <summary>Prefix of the names of the nodes that follow, such as <c>blocks.0.attn</c>.</summary>
    public string Scope { get; set; } = name;

    /// <summary>Whether <see cref="OnnxOperators.Linear"/> multiplies in 8 bits.</summary>
    public bool IsInt8 { get; set; }

    public OnnxValue Input(string name, TensorProto.Types.DataType type, params ReadOnlySpan<OnnxAxis> shape)
    {
        _graph.Input.Add(Describe(name, type, shape));
        return new OnnxValue(name);
    }

    /// <summary>Gives a value the name by which callers ask for it.</summary>
    public void Output(string name, OnnxValue value, TensorProto.Types.DataType type, params ReadOnlySpan<OnnxAxis> shape)
    {
        var node = new NodeProto { Name = name, OpType = "Identity" };
        node.Input.Add(value.Name);
        node.Output.Add(name);
        _graph.Node.Add(node);
        _graph.Output.Add(Describe(name, type, shape));
    }

    /// <param name="name">Unique; the state dictionary's name for a weight.</param>
    /// <param name="values">Row-major.</param>
    /// <param name="shape">Empty for a scalar.</param>
    public OnnxValue Initializer(string name, ReadOnlySpan<float> values, params ReadOnlySpan<long> shape) =>
        Initializer(name, TensorProto.Types.DataType.Float, MemoryMarshal.AsBytes(values), shape);

    /// <summary>As the other, in 8 bits.</summary>
    public OnnxValue Initializer(string name, ReadOnlySpan<sbyte> values, params ReadOnlySpan<long> shape) =>
        Initializer(name, TensorProto.Types.DataType.Int8, MemoryMarshal.AsBytes(values), shape);

    /// <summary>A small vector of integers: a shape, axes, an index. Equal ones are stored once.</summary>
    public OnnxValue Constant(params ReadOnlySpan<long> values) =>
        Initializer($"const.[{string.Join(',', values.ToArray())}]", TensorProto.Types.DataType.Int64, MemoryMarshal.AsBytes(values), [values.Length]);

    public OnnxValue ScalarConstant(long value) =>
        Initializer($"const.{value}", TensorProto.Types.DataType.Int64, MemoryMarshal.AsBytes([value]), []);

    public OnnxValue ScalarConstant(float value) =>
        Initializer($"const.{value:R}f", TensorProto.Types.DataType.Float, MemoryMarshal.AsBytes([value]), []);

    public OnnxValue ScalarConstant(double value) =>
        Initializer($"const.{value:R}d", TensorProto.Types.DataType.Double, MemoryMarshal.AsBytes([value]), []);

    /// <summary>Adds an operator with one output.</summary>
    public OnnxValue Node(string operation, ReadOnlySpan<OnnxValue> inputs, params ReadOnlySpan<AttributeProto> attributes) =>
        Node(operation, inputs, outputs: 1, attributes)[0];

    /// <summary>Adds an operator with several outputs.</summary>
    public OnnxValue[] Node(string operation, ReadOnlySpan<OnnxValue> inputs, int outputs, params ReadOnlySpan<AttributeProto> attributes) =>
        Node("", operation, inputs, outputs, attributes);

    /// <summary>Adds one of our own operators; see <see cref="OnnxKernels"/>.</summary>
    public OnnxValue[] KernelNode(string operation, ReadOnlySpan<OnnxValue> inputs, int outputs, params ReadOnlySpan<AttributeProto> attributes) =>
        Node(OnnxKernels.Domain, operation, inputs, outputs, attributes);

    /// <summary>
    /// Steps of 8 bits, their scale and their zero point, which are found as the values come. Once for all products that
    /// read the same values.
    /// </summary>
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
        var node = new NodeProto { Domain = domain, OpType = operation, Name = $"{Scope}/{operation}.{_graph.Node.Count}" };
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

        string temporary = path + ".tmp";
        using (FileStream file = File.Create(temporary))
        {
            model.WriteTo(file);
        }

        File.Move(temporary, path, overwrite: true);
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
