namespace NanoRecSys.Training.Export;

/// <summary>A trained network's tensors by PyTorch's names, each checked for the shape that the configuration asks for.</summary>
internal sealed class CheckedWeights(IReadOnlyDictionary<string, NamedTensor> tensors)
{
    /// <exception cref="InvalidDataException">Missing, or of another shape.</exception>
    public float[] Get(string name, params ReadOnlySpan<long> shape)
    {
        if (!tensors.TryGetValue(name, out NamedTensor? tensor))
        {
            throw new InvalidDataException($"The weights hold no '{name}'; the configuration does not belong to them.");
        }

        return tensor.Shape.AsSpan().SequenceEqual(shape)
            ? tensor.Values
            : throw new InvalidDataException(
                $"'{name}' is [{string.Join(", ", tensor.Shape)}], the configuration asks for [{string.Join(", ", shape.ToArray())}].");
    }

    /// <summary>The shape of a tensor, where it is the weights that tell a size.</summary>
    /// <exception cref="InvalidDataException">Missing.</exception>
    public IReadOnlyList<long> ShapeOf(string name) => tensors.TryGetValue(name, out NamedTensor? tensor)
        ? tensor.Shape
        : throw new InvalidDataException($"The weights hold no '{name}'.");

    public LinearWeights Linear(string name, int input, int output, bool bias) =>
        new(name, Get($"{name}.weight", output, input), bias ? Get($"{name}.bias", output) : null, input, output);

    /// <summary>A linear layer and the batch norm behind it, which in evaluation is a scale and a shift, as one layer.</summary>
    public LinearWeights LinearThenBatchNorm(string linear, string norm, int input, int output)
    {
        const float Epsilon = 1e-5f; // PyTorch's default, which the network keeps.
        float[] gamma = Get($"{norm}.weight", output);
        float[] beta = Get($"{norm}.bias", output);
        float[] mean = Get($"{norm}.running_mean", output);
        float[] variance = Get($"{norm}.running_var", output);
        float[] scale = [.. gamma.Select((g, i) => g / MathF.Sqrt(variance[i] + Epsilon))];
        float[] shift = [.. beta.Select((b, i) => b - mean[i] * scale[i])];
        return Linear(linear, input, output, bias: true).ThenScale(scale, shift);
    }
}
