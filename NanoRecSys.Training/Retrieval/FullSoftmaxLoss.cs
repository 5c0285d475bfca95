using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// Cross-entropy over the whole catalogue: every other item is a negative of every position. Its gradient is
/// written out (softmax minus one-hot): autograd would hold and pass over three more matrices of logits.
/// </summary>
public sealed class FullSoftmaxLoss(double temperature) : IRetrieverLoss
{
    // A chunk's logits stay in the cache, and malloc keeps blocks of this size instead of returning them to the kernel.
    private const int ChunkBytes = 16 << 20;
    private const float Smallest = 1e-37f; // so that the reported loss stays finite

    private readonly Scalar _inverseTemperature = 1 / temperature;

    public double Backward(Tensor users, Tensor items, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(users);
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(targets);
        using var scope = NewDisposeScope();
        long positions = targets.shape[0];
        long rows = Math.Max(1, ChunkBytes / (sizeof(float) * items.shape[0]));
        Tensor sharpened = users.detach() * _inverseTemperature; // [P, D]
        Tensor table = items.detach(); // [V, D]
        Tensor userGradient = empty_like(sharpened); // [P, D]
        Tensor itemGradient = zeros_like(table); // [V, D]
        double total = 0;
        using (no_grad())
        {
            for (long start = 0; start < positions; start += rows)
            {
                using var chunkScope = NewDisposeScope();
                long end = Math.Min(start + rows, positions);
                Tensor chunk = sharpened.slice(0, start, end, 1); // [C, D]
                Tensor target = targets.slice(0, start, end, 1).unsqueeze(1); // [C, 1]
                Tensor gradient = chunk.matmul(table.t()).softmax(1); // [C, D] x [D, V] -> [C, V]
                total -= gradient.gather(1, target).data<float>().ToArray().Sum(p => Math.Log(Math.Max(p, Smallest)));
                gradient.scatter_add_(1, target, full_like(target, -1, dtype: float32));
                userGradient.slice(0, start, end, 1).copy_(gradient.matmul(table)); // [C, V] x [V, D] -> [C, D]
                itemGradient.add_(gradient.t().matmul(chunk)); // [V, C] x [C, D] -> [V, D]
            }

            userGradient.mul_((Scalar)(1 / (temperature * positions)));
            itemGradient.mul_((Scalar)(1.0 / positions));
        }

        autograd.backward([users, items], [userGradient, itemGradient]);
        return total / positions;
    }
}
