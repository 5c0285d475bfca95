namespace NanoRecSys.Training.Export.Onnx;

/// <summary>An edge of a graph: an input, an initializer or a node's output, by its name.</summary>
internal readonly record struct OnnxValue(string Name);

/// <summary>One axis of an input's or output's shape: a size, or the name of a dynamic axis.</summary>
internal readonly record struct OnnxAxis(long? Size, string? Name)
{
    public static implicit operator OnnxAxis(long size) => new(size, null);

    public static implicit operator OnnxAxis(string name) => new(null, name);
}
