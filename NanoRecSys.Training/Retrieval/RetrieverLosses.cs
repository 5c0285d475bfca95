using NanoRecSys.Training.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>Loss between the embeddings after P positions and the next items.</summary>
internal interface IRetrieverLoss
{
    /// <summary>Whether each position's loss is independent of the others: then several threads may each compute a part of a step
    /// in parallel.</summary>
    bool IsSeparable => false;

    /// <summary>Computes the mean loss and its gradients for every parameter behind the two inputs.</summary>
    /// <param name="users">[P, D], L2-normalized.</param>
    /// <param name="items">[V, D], L2-normalized.</param>
    /// <param name="targets">[P] int64, row of the next item.</param>
    /// <param name="weights">Weights of the positions in the mean; null for equal weights.</param>
    double Backward(Tensor users, Tensor items, Tensor targets, PositionWeights? weights = null);
}

/// <param name="Values">[P] above 0.</param>
internal sealed record PositionWeights(Tensor Values, double Sum) : IDisposable
{
    /// <param name="values">[P]</param>
    public static PositionWeights Of(float[] values, Device device) => new(tensor(values, device: device), values.Sum(value => (double)value));

    public void Dispose() => Values.Dispose();
}

/// <summary>Backpropagates a loss over P positions in chunks of rows: the full logits (25,600 x 25,600 at the reference size) are never
/// in memory at once.</summary>
internal static class ChunkedLoss
{
    /// <summary>The loss of each of the rows <c>[start, end)</c>, [C].</summary>
    /// <param name="users">[C, D] the chunk's rows.</param>
    /// <param name="items">[V, D]</param>
    public delegate Tensor ChunkLoss(Tensor users, Tensor items, int start, int end);

    public static double Backward(Tensor users, Tensor items, long positions, long rowsPerChunk, PositionWeights? weights, ChunkLoss lossOf)
    {
        using var scope = NewDisposeScope();
        Tensor userLeaf = users.detach().requires_grad_(); // [P, D]: gradients accumulate here, then propagate once
        Tensor itemLeaf = items.detach().requires_grad_(); // [V, D]
        double total = 0;
        for (long start = 0; start < positions; start += rowsPerChunk)
        {
            using var chunkScope = NewDisposeScope();
            long end = Math.Min(start + rowsPerChunk, positions);
            Tensor each = lossOf(userLeaf.slice(0, start, end, 1), itemLeaf, (int)start, (int)end).reshape(-1); // [C]
            Tensor loss = weights is null ? each.sum() / positions : each.dot(weights.Values.slice(0, start, end, 1)) / weights.Sum;
            loss.backward();
            total += loss.item<float>();
        }

        autograd.backward([users, items], [userLeaf.grad!, itemLeaf.grad!]);
        return total;
    }
}

/// <summary>Cross-entropy over the whole catalog: every other item is a negative for every position. Its gradient is explicit (softmax minus
/// one-hot): autograd would store and traverse three more matrices of logits.</summary>
/// <param name="isReduced">Whether the three products are in bfloat16; the softmax and all sums stay in fp32.</param>
internal sealed class FullSoftmaxLoss(double temperature, bool isReduced = false) : IRetrieverLoss
{
    // A chunk's logits fit into the cache: 256 rows of 3,416 take 2.7 ms; 1,024 rows take twice as long per row.
    private const int ChunkBytes = 4 << 20;
    private const int FewRows = 128; // With fewer rows, a chunk's work on the whole item table outweighs the gain from the cache:
    private const int ManyRows = 1024; // at 57,289 items of width 64, chunks of 1,024 rows are 1.25 times as fast as those of 32.
    private const long MostBytes = 512 << 20; // limit of a chunk's logits, for any number of items
    private const int RowMultiple = 32; // of every chunk, including the last; see Precision.RowMultiple
    private static readonly Scalar Smallest = 1e-37f; // so that the reported loss stays finite

    private readonly ScalarType _type = isReduced ? bfloat16 : float32;

    public bool IsSeparable => true;

    public double Backward(Tensor users, Tensor items, Tensor targets, PositionWeights? weights = null)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        long positions = targets.shape[0];
        double inverse = 1 / temperature;
        NetworkOperations operations = NetworkOperations.For(items.device, items.shape[0]);
        long rows = RowsPerChunk(items.shape[0]);
        long padded = _type == bfloat16 ? (positions + RowMultiple - 1) / RowMultiple * RowMultiple : positions; // Q
        long padding = padded - positions;
        Tensor sharpened = Precision.Pad(users.detach() * tensor((float)inverse, device: users.device), [0, 0, 0, padding]).to(_type); // [Q, D]
        Tensor table = items.detach().to(_type); // [V, D]
        targets = Precision.Pad(targets, [0, padding]); // [Q]: zero user rows contribute no gradient
        Tensor? counted = weights is null ? null : Precision.Pad(weights.Values, [0, padding]).unsqueeze(1); // [Q, 1]
        double total = weights?.Sum ?? positions;
        Tensor userGradient = empty(padded, users.shape[1], device: users.device); // [Q, D]
        Tensor itemGradient = zeros_like(items); // [V, D]
        Tensor likelihood = empty(padded, device: users.device); // [Q] of each target
        for (long start = 0; start < padded; start += rows)
        {
            using var chunkScope = NewDisposeScope();
            long end = Math.Min(start + rows, padded);
            Tensor chunk = sharpened.slice(0, start, end, 1); // [C, D]
            Tensor logits = chunk.matmul(table.t()); // [C, D] x [D, V] -> [C, V]
            Tensor gradient = operations.SoftmaxGradient(logits, targets.slice(0, start, end, 1), likelihood.slice(0, start, end, 1)); // [C, V]
            userGradient.slice(0, start, end, 1).copy_(gradient.matmul(table)); // [C, V] x [V, D] -> [C, D]
            Tensor share = counted is null ? chunk : (chunk * counted.slice(0, start, end, 1)).to(_type); // [C, D]
            itemGradient.Add(gradient.t().matmul(share)); // [V, C] x [C, D] -> [V, D]
        }

        if (counted is not null)
        {
            userGradient.mul_(counted);
        }

        userGradient = userGradient.slice(0, 0, positions, 1); // [P, D]
        userGradient.mul_(tensor((float)(inverse / total), device: users.device));
        itemGradient.mul_(tensor((float)(1 / total), device: users.device));
        autograd.backward([users, items], [userGradient, itemGradient]);
        Tensor logs = likelihood.slice(0, 0, positions, 1).clamp_min(Smallest).log(); // [P]
        return weights is null ? -logs.mean().item<float>() : -logs.dot(weights.Values).item<float>() / total;
    }

    internal static long RowsPerChunk(long items)
    {
        long rowBytes = sizeof(float) * items;
        long rows = ChunkBytes / rowBytes < FewRows ? Math.Min(ManyRows, MostBytes / rowBytes) : ChunkBytes / rowBytes;
        return Math.Max(1, rows / RowMultiple) * RowMultiple;
    }
}

/// <summary>Cross-entropy over the next item and uniformly drawn others, redrawn for each step and shared by its positions; a drawn item that
/// equals the next item is ignored.</summary>
/// <param name="isReduced">Whether products are in bfloat16.</param>
/// <param name="rowsPerChunk">Rows of the [P, N] logits in memory at a time.</param>
internal sealed class SampledSoftmaxLoss(double temperature, int negatives, bool isReduced = false, int rowsPerChunk = 1024) : IRetrieverLoss
{
    public double Backward(Tensor users, Tensor items, Tensor targets, PositionWeights? weights = null)
    {
        using var scope = NewDisposeScope();
        Tensor drawn = randint(0, items.shape[0], negatives, ScalarType.Int64, items.device); // [N]
        return Backward(users, items, targets, drawn, weights);
    }

    /// <param name="users">[P, D], L2-normalized.</param>
    /// <param name="items">[V, D], L2-normalized.</param>
    /// <param name="targets">[P] int64</param>
    /// <param name="drawn">[N] int64, rows of the negatives.</param>
    public double Backward(Tensor users, Tensor items, Tensor targets, Tensor drawn, PositionWeights? weights = null)
    {
        using var scope = NewDisposeScope();
        return ChunkedLoss.Backward(users, items, targets.shape[0], rowsPerChunk, weights, (userLeaf, itemLeaf, start, end) =>
        {
            Tensor own = targets.slice(0, start, end, 1); // [C]
            Tensor sharpened = userLeaf / temperature; // [C, D]
            Tensor positive = (sharpened * itemLeaf.index_select(0, own)).sum(1, keepdim: true); // [C, 1]
            Tensor negative = Precision.Product(sharpened, itemLeaf.index_select(0, drawn).t(), isReduced); // [C, D] x [D, N] -> [C, N]
            Tensor isCollision = drawn.unsqueeze(0).eq(own.unsqueeze(1)); // [C, N]
            Tensor logits = cat([positive, negative.masked_fill(isCollision, float.NegativeInfinity)], 1); // [C, 1 + N]
            return logits.logsumexp(1, keepdim: true) - positive;
        });
    }
}

/// <summary>In-batch contrastive loss: the other positions' targets are the negatives. Popular items are negatives more often; subtracting the log of
/// an item's share of the training data corrects for that (Yi et al., 2019).</summary>
/// <param name="logShares">[V] log of each item's share, Laplace-smoothed; see <see cref="LogShares"/>.</param>
/// <param name="isReduced">Whether products are in bfloat16.</param>
/// <param name="rowsPerChunk">Rows of the [P, P] logits in memory at a time.</param>
internal sealed class InfoNceLoss(
    double temperature, Tensor logShares, bool isDecoupled = false, bool isReduced = false, int rowsPerChunk = 1024) : IRetrieverLoss
{
    private const float Nothing = -1e9f; // its exponential is 0; an infinity would have no gradient

    /// <summary>[V] log((count + 1) / (total + V)).</summary>
    public static float[] LogShares(int[] counts)
    {
        double total = counts.Length + counts.Sum(count => (double)count);
        return Array.ConvertAll(counts, count => (float)Math.Log((count + 1) / total));
    }

    public double Backward(Tensor users, Tensor items, Tensor targets, PositionWeights? weights = null)
    {
        using var scope = NewDisposeScope();
        long positions = targets.shape[0];
        Tensor candidates = items.index_select(0, targets); // [P, D]
        Tensor correction = logShares.index_select(0, targets); // [P]
        Tensor columns = arange(positions, ScalarType.Int64, targets.device); // [P]
        return ChunkedLoss.Backward(users, candidates, positions, rowsPerChunk, weights, (userLeaf, candidateLeaf, start, end) =>
        {
            Tensor own = columns.slice(0, start, end, 1).unsqueeze(1); // [C, 1]: column of each row's positive
            Tensor isSameItem = targets.unsqueeze(0).eq(targets.slice(0, start, end, 1).unsqueeze(1)); // [C, P]
            Tensor isLeftOut = isDecoupled ? isSameItem : isSameItem.logical_and(columns.unsqueeze(0).ne(own)); // [C, P]
            Tensor logits = Precision.Product(userLeaf / temperature, candidateLeaf.t(), isReduced) - correction; // [C, D] x [D, P] -> [C, P]
            Tensor positive = logits.gather(1, own); // [C, 1]
            Tensor hasNegatives = isLeftOut.all(1, keepdim: true).logical_not(); // [C, 1]: false for rows without any negative
            return (logits.masked_fill(isLeftOut, Nothing).logsumexp(1, keepdim: true) - positive) * hasNegatives;
        });
    }
}
