namespace NanoRecSys.Training.Export;

/// <summary>One float32 tensor of a state dictionary.</summary>
/// <param name="Name">PyTorch's name, such as <c>blocks.0.attn.qkv_proj.weight</c>.</param>
/// <param name="Shape">Empty for a scalar.</param>
/// <param name="Values">Row-major; as many as the product of the shape.</param>
public sealed record NamedTensor(string Name, long[] Shape, float[] Values);
