using NanoRecSys.Core.Kernels;
namespace NanoRecSys.Training.Models.Attention;

/// <summary>
/// Causal attention over packed sequences on the CPU, forward and back: each sequence and head on its own, in
/// buffers that stay in the cache, nothing computed for padding or the future.
/// </summary>
/// <remarks>The weights are made again on the way back: cheaper than writing [B, H, L, L] to memory and reading it.</remarks>
/// <param name="shape">See there.</param>
/// <param name="width">D, of all heads together.</param>
/// <param name="offsets">[B + 1] where each sequence begins in the pack.</param>
/// <param name="dropoutKey">0: no dropout.</param>
internal sealed unsafe class AttentionKernel(AttentionShape shape, int width, int[] offsets, ulong dropoutKey)
{
    private readonly int _headWidth = width / shape.Heads; // d
    private readonly int _paddedWidth = AttentionTiles.RoundUp(width / shape.Heads);
    private readonly float _queryScale = 1 / MathF.Sqrt((float)width / shape.Heads);

    /// <summary>Added to the scores; see <see cref="AttentionBias"/>.</summary>
    public AttentionBias? Bias { get; init; }

    public int Threads { get; init; } = 1;

    /// <param name="qkv">[P, 3D]</param>
    /// <param name="output">[P, D], to be filled.</param>
    public void Forward(float* qkv, float* output) => ForEach((buffers, sequence, head) =>
    {
        int n = Read(buffers, qkv, sequence, head);
        FillWeights(buffers, sequence, head, n);
        int padded = AttentionTiles.RoundUp(n);
        AttentionTiles.SumOverPast(buffers.Weights, buffers.Values, buffers.Result, padded, _paddedWidth);
        AttentionLayout.Write(buffers.Result, output + (long)offsets[sequence] * width + head * _headWidth, width, n, _headWidth, 1);
    });

    /// <param name="qkv">[P, 3D] as it was.</param>
    /// <param name="outputGradient">[P, D]</param>
    /// <param name="qkvGradient">[P, 3D], to be filled.</param>
    public void Backward(float* qkv, float* outputGradient, float* qkvGradient) => ForEach((buffers, sequence, head) =>
    {
        int n = Read(buffers, qkv, sequence, head), padded = AttentionTiles.RoundUp(n), d = _paddedWidth;
        long start = offsets[sequence];
        AttentionLayout.Read(outputGradient + start * width + head * _headWidth, width, buffers.OutputGradient, n, _headWidth, 1);
        AttentionLayout.Transpose(buffers.Values, buffers.ValuesTransposed, padded, d);
        AttentionTiles.Products(buffers.OutputGradient, buffers.ValuesTransposed, buffers.WeightsGradient, padded, d);
        FillGradients(buffers, sequence, head, n);

        float* gradient = qkvGradient + start * 3 * width + head * _headWidth;
        AttentionTiles.SumOverPast(buffers.WeightsGradient, buffers.Keys, buffers.Result, padded, d);
        AttentionLayout.Write(buffers.Result, gradient, 3 * width, n, _headWidth, _queryScale);
        AttentionTiles.SumOverFuture(buffers.WeightsGradient, buffers.Queries, buffers.Result, padded, d);
        AttentionLayout.Write(buffers.Result, gradient + width, 3 * width, n, _headWidth, 1);
        AttentionTiles.SumOverFuture(buffers.Weights, buffers.OutputGradient, buffers.Result, padded, d);
        AttentionLayout.Write(buffers.Result, gradient + 2 * width, 3 * width, n, _headWidth, 1);
    });

    /// <summary>Weights as they were used forward, from scratch.</summary>
    private void FillWeights(AttentionBuffers buffers, int sequence, int head, int n)
    {
        Score(buffers, n);
        int padded = AttentionTiles.RoundUp(n);
        for (int i = 0; i < n; i++)
        {
            float* row = buffers.Weights + (long)i * padded;
            Bias?.Add(row, sequence, head, i);
            AttentionWeights.Softmax(row, i + 1);
            Drop(row, sequence, head, i);
        }
    }

    /// <summary>The weights again, and the gradient of the scores in the place of the weights' gradient.</summary>
    private void FillGradients(AttentionBuffers buffers, int sequence, int head, int n)
    {
        Score(buffers, n);
        int padded = AttentionTiles.RoundUp(n);
        for (int i = 0; i < n; i++)
        {
            float* row = buffers.Weights + (long)i * padded, gradient = buffers.WeightsGradient + (long)i * padded;
            Bias?.Add(row, sequence, head, i);
            Drop(gradient, sequence, head, i);
            AttentionWeights.Softmax(row, i + 1);
            AttentionWeights.SoftmaxBack(row, gradient, i + 1);
            Drop(row, sequence, head, i);
            Bias?.Gather(gradient, sequence, head, i);
        }
    }

    private void Score(AttentionBuffers buffers, int n)
    {
        int padded = AttentionTiles.RoundUp(n);
        AttentionLayout.Transpose(buffers.Keys, buffers.KeysTransposed, padded, _paddedWidth);
        AttentionTiles.Products(buffers.Queries, buffers.KeysTransposed, buffers.Weights, padded, _paddedWidth);
    }

    private void Drop(float* row, int sequence, int head, int i)
    {
        if (dropoutKey != 0)
        {
            ulong place = ((ulong)(offsets[sequence] + i) * (ulong)shape.Heads) + (ulong)head;
            new DropoutMask(shape.Dropout, dropoutKey + (place * 0x9E3779B97F4A7C15)).Apply(row, i + 1);
        }
    }

    private int Read(AttentionBuffers buffers, float* qkv, int sequence, int head)
    {
        int n = offsets[sequence + 1] - offsets[sequence];
        float* queries = qkv + (long)offsets[sequence] * 3 * width + head * _headWidth;
        AttentionLayout.Read(queries, 3 * width, buffers.Queries, n, _headWidth, _queryScale);
        AttentionLayout.Read(queries + width, 3 * width, buffers.Keys, n, _headWidth, 1);
        AttentionLayout.Read(queries + 2 * width, 3 * width, buffers.Values, n, _headWidth, 1);
        return n;
    }

    private delegate void SequenceAndHead(AttentionBuffers buffers, int sequence, int head);

    // Longest first: the last one to finish is then a short one.
    private void ForEach(SequenceAndHead work)
    {
        int sequences = offsets.Length - 1;
        int[] lengths = new int[sequences], order = new int[sequences];
        int longest = 1;
        for (int b = 0; b < sequences; b++)
        {
            int length = offsets[b + 1] - offsets[b];
            longest = Math.Max(longest, length);
            (lengths[b], order[b]) = (-length, b);
        }

        Array.Sort(lengths, order);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = Threads };
        Parallel.For(
            0, sequences, parallel, () => AttentionBuffers.Rent(longest, _headWidth),
            (at, _, buffers) =>
            {
                for (int head = 0; head < shape.Heads; head++)
                {
                    work(buffers, order[at], head);
                }

                return buffers;
            },
            buffers => buffers.Return());
    }
}
