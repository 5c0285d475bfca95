using NanoRecSys.Training.Models;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// In-batch contrastive loss: the other positions' targets are the negatives. Popular items are negatives more
/// often; subtracting the log of an item's share of the training data corrects for it (Yi et al., 2019).
/// </summary>
/// <param name="temperature">Divides the cosine.</param>
/// <param name="logShares">[V] log of each item's share, Laplace-smoothed; see <see cref="LogShares"/>.</param>
/// <param name="isDecoupled">Whether the positive is left out of the denominator (DCL; Yeh et al., 2022).</param>
/// <param name="isReduced">Whether products are in bfloat16.</param>
/// <param name="rowsPerChunk">Rows of the [P, P] logits that stand in memory at a time.</param>
public sealed class InfoNceLoss(
    double temperature, Tensor logShares, bool isDecoupled = false, bool isReduced = false, int rowsPerChunk = 1024) : IRetrieverLoss
{
    private const float Nothing = -1e9f; // e to that is 0; from an infinity there would be no gradient

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
            Tensor own = columns.slice(0, start, end, 1).unsqueeze(1); // [C, 1]: where each row's positive stands
            Tensor isSameItem = targets.unsqueeze(0).eq(targets.slice(0, start, end, 1).unsqueeze(1)); // [C, P]
            Tensor isLeftOut = isDecoupled ? isSameItem : isSameItem.logical_and(columns.unsqueeze(0).ne(own)); // [C, P]
            Tensor logits = Precision.Product(userLeaf / temperature, candidateLeaf.t(), isReduced) - correction; // [C, D] x [D, P] -> [C, P]
            Tensor positive = logits.gather(1, own); // [C, 1]
            Tensor hasNegatives = isLeftOut.all(1, keepdim: true).logical_not(); // [C, 1]: else there is nothing to tell the positive from
            return ((logits.masked_fill(isLeftOut, Nothing).logsumexp(1, keepdim: true) - positive) * hasNegatives).sum();
        });
    }
}
