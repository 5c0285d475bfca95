using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// In-batch contrastive loss: the other positions' targets are the negatives. Popular items are negatives more
/// often; subtracting the log of an item's share of the training data corrects for it (Yi et al., 2019).
/// </summary>
/// <param name="temperature">Divides the cosine.</param>
/// <param name="logShares">[V] log of each item's share, Laplace-smoothed; see <see cref="LogShares"/>.</param>
/// <param name="rowsPerChunk">Rows of the [P, P] logits that stand in memory at a time.</param>
public sealed class InfoNceLoss(double temperature, Tensor logShares, int rowsPerChunk = 1024) : IRetrieverLoss
{
    /// <summary>[V] log((count + 1) / (total + V)).</summary>
    public static float[] LogShares(ReadOnlySpan<int> counts)
    {
        double total = counts.Length;
        foreach (int count in counts)
        {
            total += count;
        }

        var shares = new float[counts.Length];
        for (int i = 0; i < counts.Length; i++)
        {
            shares[i] = (float)Math.Log((counts[i] + 1) / total);
        }

        return shares;
    }

    public double Backward(Tensor users, Tensor items, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        using var scope = NewDisposeScope();
        long positions = targets.shape[0];
        Tensor candidates = items.index_select(0, targets); // [P, D]
        Tensor correction = logShares.index_select(0, targets); // [P]
        Tensor columns = arange(positions, ScalarType.Int64, targets.device); // [P]
        return ChunkedLoss.Backward(users, candidates, positions, rowsPerChunk, (userLeaf, candidateLeaf, start, end) =>
        {
            Tensor rowTargets = targets.slice(0, start, end, 1).unsqueeze(1); // [C, 1]
            Tensor own = columns.slice(0, start, end, 1); // [C]: where each row's positive stands
            Tensor isCollision = targets.unsqueeze(0).eq(rowTargets).logical_and(columns.unsqueeze(0).ne(own.unsqueeze(1))); // [C, P]
            Tensor logits = (userLeaf / temperature).matmul(candidateLeaf.t()) - correction; // [C, D] x [D, P] -> [C, P]
            return nn.functional.cross_entropy(
                logits.masked_fill(isCollision, float.NegativeInfinity), own, reduction: nn.Reduction.Sum);
        });
    }
}
