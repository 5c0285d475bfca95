using NanoRecSys.Training.Models;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// Cross-entropy over the item that followed and uniformly drawn others, anew for each step and shared by its
/// positions; a drawn item that is itself the one that followed does not count.
/// </summary>
/// <param name="temperature">Divides the cosine.</param>
/// <param name="negatives">Items drawn per step, with replacement.</param>
/// <param name="isReduced">Whether products are in bfloat16.</param>
/// <param name="rowsPerChunk">Rows of the [P, N] logits that stand in memory at a time.</param>
public sealed class SampledSoftmaxLoss(double temperature, int negatives, bool isReduced = false, int rowsPerChunk = 1024) : IRetrieverLoss
{
    public double Backward(Tensor users, Tensor items, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(items);
        using var scope = NewDisposeScope();
        Tensor drawn = randint(0, items.shape[0], negatives, ScalarType.Int64, items.device); // [N]
        return Backward(users, items, targets, drawn);
    }

    /// <param name="users">[P, D], L2-normalised.</param>
    /// <param name="items">[V, D], L2-normalised.</param>
    /// <param name="targets">[P] int64</param>
    /// <param name="drawn">[N] int64, rows of the negatives.</param>
    public double Backward(Tensor users, Tensor items, Tensor targets, Tensor drawn)
    {
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(targets);
        ArgumentNullException.ThrowIfNull(drawn);
        using var scope = NewDisposeScope();
        return ChunkedLoss.Backward(users, items, targets.shape[0], rowsPerChunk, (userLeaf, itemLeaf, start, end) =>
        {
            Tensor own = targets.slice(0, start, end, 1); // [C]
            Tensor sharpened = userLeaf / temperature; // [C, D]
            Tensor positive = (sharpened * itemLeaf.index_select(0, own)).sum(1, keepdim: true); // [C, 1]
            Tensor negative = Precision.Product(sharpened, itemLeaf.index_select(0, drawn).t(), isReduced); // [C, D] x [D, N] -> [C, N]
            Tensor isCollision = drawn.unsqueeze(0).eq(own.unsqueeze(1)); // [C, N]
            Tensor logits = cat([positive, negative.masked_fill(isCollision, float.NegativeInfinity)], 1); // [C, 1 + N]
            return (logits.logsumexp(1, keepdim: true) - positive).sum();
        });
    }
}
