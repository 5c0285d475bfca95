using NanoRecSys.Training.Export;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>A network's weights by their PyTorch names, out of and into the live network.</summary>
public static class NetworkWeights
{
    // Batch norm counts its batches; nothing of ours reads the count.
    private const string BatchCount = "num_batches_tracked";

    public static IReadOnlyList<NamedTensor> Of(nn.Module network)
    {
        ArgumentNullException.ThrowIfNull(network);
        return [.. network.state_dict()
            .Where(entry => !entry.Key.EndsWith(BatchCount, StringComparison.Ordinal))
            .Select(entry => new NamedTensor(entry.Key, entry.Value.shape, Values(entry.Value)))];
    }

    /// <summary>Copies the weights in place. Tensors that the network does not have, such as <c>rope.inv_freq</c>, are left alone.</summary>
    /// <exception cref="InvalidDataException">A weight is missing or of another shape.</exception>
    public static void Load(nn.Module network, IReadOnlyDictionary<string, NamedTensor> weights)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(weights);
        using var noGradient = no_grad();
        foreach ((string name, Tensor target) in network.state_dict())
        {
            if (name.EndsWith(BatchCount, StringComparison.Ordinal))
            {
                continue;
            }

            if (!weights.TryGetValue(name, out NamedTensor? source))
            {
                throw new InvalidDataException($"The weights lack '{name}'. Train or import the model again.");
            }

            if (!source.Shape.AsSpan().SequenceEqual(target.shape))
            {
                throw new InvalidDataException(
                    $"'{name}' is [{string.Join(", ", source.Shape)}], the configuration makes it [{string.Join(", ", target.shape)}]. Train or import the model again.");
            }

            using Tensor values = tensor(source.Values, source.Shape);
            target.copy_(values);
        }
    }

    private static float[] Values(Tensor tensor)
    {
        using Tensor dense = tensor.detach().cpu().to(float32).contiguous();
        return dense.data<float>().ToArray();
    }
}
