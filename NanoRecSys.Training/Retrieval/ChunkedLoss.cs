using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// Backpropagates a loss over P positions some rows at a time: the logits of all of them (25,600 x 25,600 at
/// the reference size) never stand in memory together.
/// </summary>
internal static class ChunkedLoss
{
    /// <summary>The summed loss of rows <c>[start, end)</c>.</summary>
    /// <param name="users">[C, D] the chunk's rows.</param>
    /// <param name="items">[V, D]</param>
    /// <param name="start">First row.</param>
    /// <param name="end">Row after the last.</param>
    public delegate Tensor ChunkLoss(Tensor users, Tensor items, int start, int end);

    public static double Backward(Tensor users, Tensor items, long positions, long rowsPerChunk, ChunkLoss lossOf)
    {
        using var scope = NewDisposeScope();
        Tensor userLeaf = users.detach().requires_grad_(); // [P, D]: gradients gather here, then go on at once
        Tensor itemLeaf = items.detach().requires_grad_(); // [V, D]
        double total = 0;
        for (long start = 0; start < positions; start += rowsPerChunk)
        {
            using var chunkScope = NewDisposeScope();
            long end = Math.Min(start + rowsPerChunk, positions);
            Tensor loss = lossOf(userLeaf.slice(0, start, end, 1), itemLeaf, (int)start, (int)end) / positions;
            loss.backward();
            total += loss.item<float>();
        }

        autograd.backward([users, items], [userLeaf.grad!, itemLeaf.grad!]);
        return total;
    }
}
