using Google.Protobuf;
using NanoRecSys.Core.Onnx;
using NanoRecSys.Training.Export.Onnx;
using DataType = NanoRecSys.Training.Export.Onnx.TensorProto.Types.DataType;

namespace NanoRecSys.UnitTests.Core.Onnx;

/// <summary>Graphs that <c>export</c> does not write. Those that it writes pass: every test of an exported graph opens it with this check.</summary>
public sealed class OnnxCheckTests
{
    [Fact]
    public void A_loop_is_refused()
    {
        NodeProto loop = Node("Loop", ["x"], "y");
        loop.Attribute.Add(With(new AttributeProto { Name = "body" }, field: 6)); // the loop's graph
        AssertRefused(Model(loop), "its attribute has the field 6");
        AssertRefused(Model(Node("Loop", ["x"], "y")), "it has the operator 'Loop'");
    }

    [Theory]
    [InlineData("ConstantOfShape")]
    [InlineData("If")]
    [InlineData("Scan")]
    [InlineData("Expand")]
    [InlineData("Tile")]
    [InlineData("Constant")]
    [InlineData("RandomNormal")]
    public void An_operator_that_no_export_writes_is_refused(string name) => AssertRefused(Model(Node(name, ["x"], "y")), $"it has the operator '{name}'");

    [Fact]
    public void An_operator_of_another_domain_is_refused()
    {
        NodeProto node = Node("Relu", ["x"], "y");
        node.Domain = "com.microsoft";
        AssertRefused(Model(node), "it has the operator 'com.microsoft.Relu'");
    }

    [Fact]
    public void A_computation_from_constants_only_is_refused()
    {
        ModelProto model = Model(Node("MatMul", ["column", "row"], "huge"), Node("Mul", ["x", "huge"], "y"));
        model.Graph.Initializer.Add(Tensor("column", [1, 1], 1f));
        model.Graph.Initializer.Add(Tensor("row", [1, 1], 1f));
        AssertRefused(model, "its operator MatMul reads no input");
    }

    [Fact]
    public void Constants_that_are_concatenated_repeatedly_are_refused()
    {
        ModelProto model = Model(Node("Concat", ["a", "b"], "c"), Node("Concat", ["c", "a"], "d"), Node("Mul", ["x", "d"], "y"));
        model.Graph.Initializer.Add(Tensor("a", [1], 1f));
        model.Graph.Initializer.Add(Tensor("b", [1], 1f));
        AssertRefused(model, "its operator Concat reads no input");
    }

    [Fact]
    public void A_range_of_any_length_is_refused()
    {
        ModelProto model = Model(Node("Cast", ["x"], "length"), Node("Range", ["const.0", "length", "const.1"], "range"), Node("Add", ["x", "range"], "y"));
        model.Graph.Initializer.Add(Tensor("const.0", [], 0f));
        model.Graph.Initializer.Add(Tensor("const.1", [], 1f));
        AssertRefused(model, "its operator Range does not count an axis of an input");
    }

    [Fact]
    public void Values_in_another_file_are_refused()
    {
        ModelProto model = Model(Node("Add", ["x", "w"], "y"));
        model.Graph.Initializer.Add(With(new TensorProto { Name = "w", DataType = (int)DataType.Float }, field: 13));
        AssertRefused(model, "its tensor 'w' has the field 13");
    }

    [Fact]
    public void Functions_and_sparse_tensors_are_refused()
    {
        AssertRefused(With(Model(Node("Relu", ["x"], "y")), field: 25), "its model has the field 25");
        ModelProto model = Model(Node("Relu", ["x"], "y"));
        With(model.Graph, field: 15);
        AssertRefused(model, "its graph has the field 15");
    }

    [Theory]
    [InlineData("this is not a graph")]
    [InlineData("\u0007")]
    public void Anything_but_a_graph_is_refused(string text)
    {
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => OnnxCheck.Require(System.Text.Encoding.ASCII.GetBytes(text), "a.onnx"));
        Assert.StartsWith("a.onnx is not a graph that 'export' writes: ", e.Message, StringComparison.Ordinal);
    }

    private static void AssertRefused(ModelProto model, string reason)
    {
        InvalidDataException e = Assert.Throws<InvalidDataException>(() => OnnxCheck.Require(model.ToByteArray(), "a.onnx"));
        Assert.Equal($"a.onnx is not a graph that 'export' writes: {reason}. Run 'export' and 'publish' again.", e.Message);
    }

    private static ModelProto Model(params NodeProto[] nodes)
    {
        var graph = new GraphProto { Name = "g" };
        graph.Node.AddRange(nodes);
        graph.Input.Add(new ValueInfoProto { Name = "x" });
        graph.Output.Add(new ValueInfoProto { Name = "y" });
        var model = new ModelProto { IrVersion = 8, Graph = graph };
        model.OpsetImport.Add(new OperatorSetIdProto { Version = 17 });
        return model;
    }

    /// <summary>Adds an empty field that the program's subset of the format lacks.</summary>
    private static T With<T>(T message, int field)
        where T : IMessage
    {
        using var bytes = new MemoryStream();
        using var output = new CodedOutputStream(bytes);
        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
        output.WriteLength(0);
        output.Flush();
        message.MergeFrom(bytes.ToArray());
        return message;
    }

    private static NodeProto Node(string name, string[] inputs, string output)
    {
        var node = new NodeProto { OpType = name };
        node.Input.AddRange(inputs);
        node.Output.Add(output);
        return node;
    }

    private static TensorProto Tensor(string name, long[] shape, float value)
    {
        var tensor = new TensorProto { Name = name, DataType = (int)DataType.Float, RawData = ByteString.CopyFrom(BitConverter.GetBytes(value)) };
        tensor.Dims.AddRange(shape);
        return tensor;
    }
}
