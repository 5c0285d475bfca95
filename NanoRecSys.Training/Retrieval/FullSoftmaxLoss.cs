using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Cross-entropy over the whole catalogue: every other item is a negative of every position.</summary>
public sealed class FullSoftmaxLoss(double temperature, double labelSmoothing = 0) : IRetrieverLoss
{
    // A chunk's logits stay in the cache, and malloc keeps blocks of this size instead of returning them to the kernel.
    private const int ChunkBytes = 16 << 20;

    public double Backward(Tensor users, Tensor items, Tensor targets)
    {
        long rows = Math.Max(1, ChunkBytes / (sizeof(float) * items.shape[0]));
        return ChunkedLoss.Backward(users, items, targets.shape[0], rows, (userLeaf, itemLeaf, start, end) =>
        {
            Tensor logits = userLeaf.matmul(itemLeaf.t()) / temperature; // [C, D] x [D, V] -> [C, V]
            return nn.functional.cross_entropy(logits, targets[start..end], reduction: nn.Reduction.Sum, label_smoothing: labelSmoothing);
        });
    }
}
