using System.Text;

namespace NanoRecSys.Core.Onnx;

/// <summary>
/// Refuses graphs that <c>export</c> would not write, before ONNX Runtime sees them: a loop may never end, a constant of any size takes
/// memory when the graph is loaded, and external data opens other files. It reads the file format (onnx.proto) itself and
/// allows only the fields that are needed.
/// </summary>
internal static class OnnxCheck
{
    private const int MostNodes = 20_000; // a tower of four blocks has about 200

    // ONNX's own operators. Those in OnnxKernels' domain are ours, whatever their name: ONNX Runtime does not run unknown ones.
    private static readonly HashSet<string> Operators =
    [
        "Add", "Cast", "Concat", "Div", "DynamicQuantizeLinear", "Equal", "Gather", "Greater", "Identity", "Log", "MatMul", "MatMulInteger", "Max",
        "Min", "Mul", "Or", "Pow", "Range", "ReduceL2", "ReduceMean", "ReduceSum", "Relu", "Reshape", "Shape", "Sigmoid", "Slice", "Softmax", "Split",
        "Sqrt", "Squeeze", "Sub", "Transpose", "Unsqueeze", "Where",
    ];

    /// <exception cref="InvalidDataException">Not an ONNX file, or not one that <c>export</c> writes.</exception>
    public static void Require(ReadOnlySpan<byte> model, string name)
    {
        try
        {
            var graph = new Graph();
            foreach (Field field in new Fields(model))
            {
                switch (field.Number)
                {
                    case 7: // graph
                        graph.Read(field.Bytes);
                        break;
                    case 1 or 2 or 3 or 4 or 5 or 6 or 8 or 14: // versions, producer, domain, documentation, opsets, metadata
                        break;
                    default:
                        throw Unknown("model", field); // functions, training
                }
            }

            graph.Require();
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{name} is not a graph that 'export' writes: {e.Message} Run 'export' and 'publish' again.", e);
        }
    }

    private static InvalidDataException Unknown(string of, Field field) => new($"its {of} has the field {field.Number}.");

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.UTF8.GetString(bytes);

    private sealed record Node(string Operator, string[] Inputs, string[] Outputs);

    private sealed class Graph
    {
        private readonly List<Node> _nodes = [];
        private readonly HashSet<string> _inputs = [];
        private readonly HashSet<string> _constants = [];

        public void Read(ReadOnlySpan<byte> graph)
        {
            foreach (Field field in new Fields(graph))
            {
                switch (field.Number)
                {
                    case 1:
                        _nodes.Add(ReadNode(field.Bytes));
                        break;
                    case 5:
                        _constants.Add(ReadTensor(field.Bytes));
                        break;
                    case 11:
                        _inputs.Add(NameOf(field.Bytes));
                        break;
                    case 2 or 10 or 12 or 13: // name, documentation, outputs, value infos
                        break;
                    default:
                        throw Unknown("graph", field); // sparse initializers, quantization
                }
            }
        }

        public void Require()
        {
            if (_nodes.Count > MostNodes)
            {
                throw new InvalidDataException($"it has {_nodes.Count} nodes, at most {MostNodes} are allowed.");
            }

            // In execution order, as ONNX requires.
            HashSet<string> computed = [.. _inputs];
            Dictionary<string, Node> madeBy = [];
            foreach (Node node in _nodes)
            {
                // Nodes that depend only on constants are computed when the graph is loaded, regardless of size; joined constants do not grow.
                if (node.Operator == "Concat" && node.Inputs.All(_constants.Contains) && node.Inputs.Distinct().Count() == node.Inputs.Length)
                {
                    continue;
                }

                if (!node.Inputs.Any(computed.Contains))
                {
                    throw new InvalidDataException($"its operator {node.Operator} reads no input.");
                }

                if (node.Operator == "Range" && !CountsAnAxis(node, madeBy))
                {
                    throw new InvalidDataException("its operator Range does not count an axis of an input.");
                }

                foreach (string output in node.Outputs)
                {
                    computed.Add(output);
                    madeBy[output] = node;
                }
            }
        }

        // Range(0, Gather(Shape(input), 1), 1)
        private bool CountsAnAxis(Node range, Dictionary<string, Node> madeBy) =>
            range.Inputs is ["const.0", var length, "const.1"]
            && _constants.Contains("const.0") && _constants.Contains("const.1")
            && madeBy.TryGetValue(length, out Node? gather) && gather is { Operator: "Gather", Inputs: [var shape, _] }
            && madeBy.TryGetValue(shape, out Node? shaped) && shaped is { Operator: "Shape", Inputs: [var input] }
            && _inputs.Contains(input);

        private static Node ReadNode(ReadOnlySpan<byte> bytes)
        {
            (string name, string domain) = ("", "");
            (List<string> inputs, List<string> outputs) = ([], []);
            foreach (Field field in new Fields(bytes))
            {
                switch (field.Number)
                {
                    case 1:
                        inputs.Add(Text(field.Bytes));
                        break;
                    case 2:
                        outputs.Add(Text(field.Bytes));
                        break;
                    case 4:
                        name = Text(field.Bytes);
                        break;
                    case 5:
                        RequireAttribute(field.Bytes);
                        break;
                    case 7:
                        domain = Text(field.Bytes);
                        break;
                    case 3 or 6: // name, documentation
                        break;
                    default:
                        throw Unknown("node", field);
                }
            }

            return domain == Kernels.OnnxKernels.Domain || (domain.Length == 0 && Operators.Contains(name))
                ? new Node(name, [.. inputs], [.. outputs])
                : throw new InvalidDataException($"it has the operator '{(domain.Length > 0 ? domain + "." : "")}{name}'.");
        }

        // Only numbers and text: no graph or tensor in an attribute.
        private static void RequireAttribute(ReadOnlySpan<byte> bytes)
        {
            foreach (Field field in new Fields(bytes))
            {
                if (field.Number is not (1 or 2 or 3 or 4 or 7 or 8 or 9 or 13 or 20))
                {
                    throw Unknown("attribute", field);
                }
            }
        }

        // The values are stored in the file, so no tensor is larger than the file. ONNX Runtime checks the length against the shape.
        private static string ReadTensor(ReadOnlySpan<byte> bytes)
        {
            string name = "";
            foreach (Field field in new Fields(bytes))
            {
                switch (field.Number)
                {
                    case 8:
                        name = Text(field.Bytes);
                        break;
                    case 1 or 2 or 9: // shape, type, values
                        break;
                    default:
                        throw Unknown($"tensor '{name}'", field); // external data
                }
            }

            return name;
        }

        private static string NameOf(ReadOnlySpan<byte> valueInfo)
        {
            foreach (Field field in new Fields(valueInfo))
            {
                if (field.Number == 1)
                {
                    return Text(field.Bytes);
                }
            }

            return "";
        }
    }

    /// <summary>A field of a Protocol Buffers message; its bytes are empty unless it is a message, text or packed numbers.</summary>
    private readonly ref struct Field(int number, ReadOnlySpan<byte> bytes)
    {
        public int Number { get; } = number;
        public ReadOnlySpan<byte> Bytes { get; } = bytes;
    }

    private ref struct Fields(ReadOnlySpan<byte> message)
    {
        private ReadOnlySpan<byte> _left = message;

        public Field Current { get; private set; }

        public readonly Fields GetEnumerator() => this;

        public bool MoveNext()
        {
            if (_left.IsEmpty)
            {
                return false;
            }

            ulong tag = Varint();
            ReadOnlySpan<byte> bytes = default;
            switch (tag & 7)
            {
                case 0:
                    Varint();
                    break;
                case 1:
                    Take(sizeof(ulong));
                    break;
                case 2:
                    bytes = Take(Varint());
                    break;
                case 5:
                    Take(sizeof(uint));
                    break;
                default:
                    throw new InvalidDataException("it is not a Protocol Buffers message.");
            }

            Current = new Field((int)Math.Min(tag >> 3, int.MaxValue), bytes);
            return true;
        }

        private ReadOnlySpan<byte> Take(ulong count)
        {
            if (count > (ulong)_left.Length)
            {
                throw new InvalidDataException("it ends too early.");
            }

            ReadOnlySpan<byte> taken = _left[..(int)count];
            _left = _left[(int)count..];
            return taken;
        }

        private ulong Varint()
        {
            ulong value = 0;
            for (int shift = 0; shift < 64; shift += 7)
            {
                byte next = Take(1)[0];
                value |= (ulong)(next & 0x7F) << shift;
                if (next < 0x80)
                {
                    return value;
                }
            }

            throw new InvalidDataException("it is not a Protocol Buffers message.");
        }
    }
}
