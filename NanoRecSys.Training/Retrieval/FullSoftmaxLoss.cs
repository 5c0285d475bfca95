using NanoRecSys.Training.Models;
using NanoRecSys.Training.Models.Fused;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>
/// Cross-entropy over the whole catalogue: every other item is a negative of every position. Its gradient is
/// written out (softmax minus one-hot): autograd would hold and pass over three more matrices of logits.
/// </summary>
/// <param name="temperature">Divides the cosine.</param>
/// <param name="isReduced">Whether the three products are in bfloat16; the softmax and all sums stay in fp32.</param>
public sealed class FullSoftmaxLoss(double temperature, bool isReduced = false) : IRetrieverLoss
{
    // A chunk's logits stay in the cache: 256 rows of 3,416 take 2.7 ms so, and 1,024 take twice as long per row.
    private const int ChunkBytes = 4 << 20;
    private const int FewRows = 128; // Less than these, and what a chunk does for the whole item table outweighs the cache:
    private const int ManyRows = 1024; // at 57,289 items of width 64, chunks of 1,024 rows are 1.25 times as fast as those of 32.
    private const long MostBytes = 512 << 20; // of a chunk's logits, however many items there are
    private const int RowMultiple = 32; // of a chunk, the last one too: see Precision.RowMultiple
    private static readonly Scalar Smallest = 1e-37f; // so that the reported loss stays finite
    private static readonly Scalar MinusOne = -1;

    private readonly ScalarType _type = isReduced ? bfloat16 : float32;

    public bool IsSeparable => true;

    public double Backward(Tensor users, Tensor items, Tensor targets)
    {
        ArgumentNullException.ThrowIfNull(users);
        ArgumentNullException.ThrowIfNull(items);
        ArgumentNullException.ThrowIfNull(targets);
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        long positions = targets.shape[0];
        double inverse = 1 / temperature;
        long rows = RowsPerChunk(items.shape[0]);
        long padded = _type == bfloat16 ? (positions + RowMultiple - 1) / RowMultiple * RowMultiple : positions; // Q
        long padding = padded - positions;
        Tensor sharpened = Precision.Pad(users.detach() * tensor((float)inverse, device: users.device), [0, 0, 0, padding]).to(_type); // [Q, D]
        Tensor table = items.detach().to(_type); // [V, D]
        targets = Precision.Pad(targets, [0, padding]); // [Q]: zero users give no item a gradient
        Tensor userGradient = empty(padded, users.shape[1], device: users.device); // [Q, D]
        Tensor itemGradient = zeros_like(items); // [V, D]
        Tensor likelihood = empty(padded, device: users.device); // [Q] of each target
        for (long start = 0; start < padded; start += rows)
        {
            using var chunkScope = NewDisposeScope();
            long end = Math.Min(start + rows, padded);
            Tensor chunk = sharpened.slice(0, start, end, 1); // [C, D]
            Tensor logits = chunk.matmul(table.t()); // [C, D] x [D, V] -> [C, V]
            Tensor gradient = OfLogits(logits, targets.slice(0, start, end, 1), likelihood.slice(0, start, end, 1)); // [C, V]
            userGradient.slice(0, start, end, 1).copy_(gradient.matmul(table)); // [C, V] x [V, D] -> [C, D]
            itemGradient.Add(gradient.t().matmul(chunk)); // [V, C] x [C, D] -> [V, D]
        }

        userGradient = userGradient.slice(0, 0, positions, 1); // [P, D]
        userGradient.mul_(tensor((float)(inverse / positions), device: users.device));
        itemGradient.mul_(tensor(1f / positions, device: users.device));
        autograd.backward([users, items], [userGradient, itemGradient]);
        return -likelihood.slice(0, 0, positions, 1).clamp_min(Smallest).log().mean().item<float>();
    }

    internal static long RowsPerChunk(long items)
    {
        long rowBytes = sizeof(float) * items;
        long rows = ChunkBytes / rowBytes < FewRows ? Math.Min(ManyRows, MostBytes / rowBytes) : ChunkBytes / rowBytes;
        return Math.Max(1, rows / RowMultiple) * RowMultiple;
    }

    // Softmax minus one-hot, in the logits' type; the targets' probabilities go to likelihood [C].
    private static Tensor OfLogits(Tensor logits, Tensor targets, Tensor likelihood)
    {
        if (SoftmaxGradient.Fits(logits))
        {
            SoftmaxGradient.Replace(logits, targets, likelihood);
            return logits;
        }

        Tensor gradient = logits.to(float32).softmax(1); // [C, V]
        Tensor target = targets.unsqueeze(1); // [C, 1]
        Tensor own = gradient.gather(1, target); // [C, 1]
        likelihood.copy_(own.squeeze(1));
        gradient.scatter_(1, target, own.add(MinusOne));
        return gradient.to(logits.dtype);
    }
}
