using System.Globalization;
using Google.Protobuf;
using NanoRecSys.Core.Artifacts;

namespace NanoRecSys.Training.Export.Onnx;

/// <summary>What a graph asks for and gives, read from its file.</summary>
internal static class OnnxDescription
{
    /// <exception cref="InvalidDataException">Not an ONNX file.</exception>
    public static OnnxInfo Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        try
        {
            GraphProto graph = ModelProto.Parser.ParseFrom(file).Graph ?? throw new InvalidDataException($"{path} holds no graph.");
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
