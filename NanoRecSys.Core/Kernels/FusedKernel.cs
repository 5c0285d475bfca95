namespace NanoRecSys.Core.Kernels;

/// <summary>
/// An operator of ours in ONNX Runtime: what lies between two products in 8 bits, in one pass. It reads sums of products as they
/// come, and writes the next product's steps.
/// </summary>
/// <param name="name">In the domain <see cref="OnnxKernels.Domain"/>.</param>
/// <param name="inputs">Types of its inputs.</param>
/// <param name="outputs">Types of its outputs.</param>
internal abstract class FusedKernel(string name, ElementType[] inputs, ElementType[] outputs)
{
    public string Name { get; } = name;

    public ElementType[] Inputs { get; } = inputs;

    public ElementType[] Outputs { get; } = outputs;

    /// <param name="call">Its inputs and outputs.</param>
    /// <param name="heads">The node's attribute <c>heads</c>; 0 where it has none.</param>
    /// <exception cref="InvalidDataException">An input's shape does not fit.</exception>
    public abstract void Compute(KernelCall call, int heads);
}

/// <summary>ONNX's element types, by their numbers in its format.</summary>
internal enum ElementType
{
    Float = 1,
    Byte = 2,
    Int32 = 6,
}
