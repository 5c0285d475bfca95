using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using static NanoRecSys.Core.Kernels.Vectors512;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Kernels;

/// <summary>One call of causal attention over packed sequences on the CPU, forward and backward: each sequence and head separately, in buffers that
/// stay in the cache, without computing padding or the future.</summary>
/// <remarks>The backward pass recomputes the weights: cheaper than writing [B, H, L, L] to memory and reading it back.</remarks>
/// <param name="tables">Added to the scores; see <see cref="AttentionBias"/>.</param>
/// <param name="width">D</param>
internal sealed unsafe class AttentionKernel(AttentionShape shape, SequencePack pack, BiasTables? tables, int width, ulong dropoutKey)
{
    private readonly int[] _offsets = pack.Offsets; // [B + 1]
    private readonly AttentionBias? _bias = tables is null ? null
        : new AttentionBias(Values(tables.Distance), tables.Time is null ? [] : Values(tables.Time), pack.TimeBuckets, shape.Heads, pack.Count);
    private readonly int _threads = get_num_threads();
    private readonly int _headWidth = width / shape.Heads; // d
    private readonly int _paddedWidth = AttentionTiles.RoundUp(width / shape.Heads);
    private readonly float _queryScale = 1 / MathF.Sqrt((float)width / shape.Heads);

    /// <param name="qkv">[P, 3D]</param>
    /// <returns>[P, D]</returns>
    public Tensor Forward(Tensor qkv)
    {
        Tensor output = empty(qkv.shape[0], width);
        fixed (byte* from = qkv.bytes, to = output.bytes)
        {
            Forward((float*)from, (float*)to);
        }

        return output;
    }

    /// <param name="qkv">[P, 3D] the forward pass's input.</param>
    /// <param name="outputGradient">[P, D]</param>
    /// <returns>[P, 3D]</returns>
    public Tensor Backward(Tensor qkv, Tensor outputGradient)
    {
        _bias?.BeginGradients();
        Tensor gradient = empty_like(qkv);
        fixed (byte* from = qkv.bytes, by = outputGradient.bytes, to = gradient.bytes)
        {
            Backward((float*)from, (float*)by, (float*)to);
        }

        return gradient;
    }

    /// <summary>[H, L] and [H, T] gradients of the biases in use, after <see cref="Backward(Tensor, Tensor)"/>.</summary>
    public IEnumerable<Tensor> BiasGradients() =>
        _bias?.Gradients().Select(values => tensor(values).reshape(shape.Heads, -1)) ?? [];

    private static ReadOnlySpan<float> Values(Tensor tensor) => tensor.data<float>().ToArray();

    private void Forward(float* qkv, float* output) => ForEach((buffers, sequence, head) =>
    {
        int n = Read(buffers, qkv, sequence, head);
        FillWeights(buffers, sequence, head, n);
        int padded = AttentionTiles.RoundUp(n);
        AttentionTiles.SumOverPast(buffers.Weights, buffers.Values, buffers.Result, padded, _paddedWidth);
        AttentionLayout.Write(buffers.Result, output + (long)_offsets[sequence] * width + head * _headWidth, width, n, _headWidth, 1);
    });

    private void Backward(float* qkv, float* outputGradient, float* qkvGradient) => ForEach((buffers, sequence, head) =>
    {
        int n = Read(buffers, qkv, sequence, head), padded = AttentionTiles.RoundUp(n), d = _paddedWidth;
        long start = _offsets[sequence];
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

    /// <summary>Computes the weights of the forward pass.</summary>
    private void FillWeights(AttentionBuffers buffers, int sequence, int head, int n)
    {
        Score(buffers, n);
        int padded = AttentionTiles.RoundUp(n);
        for (int i = 0; i < n; i++)
        {
            float* row = buffers.Weights + (long)i * padded;
            _bias?.Add(row, sequence, head, i);
            AttentionWeights.Softmax(row, i + 1);
            Drop(row, sequence, head, i);
        }
    }

    /// <summary>Recomputes the weights, and replaces the weights' gradient by the scores'.</summary>
    private void FillGradients(AttentionBuffers buffers, int sequence, int head, int n)
    {
        Score(buffers, n);
        int padded = AttentionTiles.RoundUp(n);
        for (int i = 0; i < n; i++)
        {
            float* row = buffers.Weights + (long)i * padded, gradient = buffers.WeightsGradient + (long)i * padded;
            _bias?.Add(row, sequence, head, i);
            Drop(gradient, sequence, head, i);
            AttentionWeights.Softmax(row, i + 1);
            AttentionWeights.SoftmaxBack(row, gradient, i + 1);
            Drop(row, sequence, head, i);
            _bias?.Gather(gradient, sequence, head, i);
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
            ulong place = ((ulong)(_offsets[sequence] + i) * (ulong)shape.Heads) + (ulong)head;
            new DropoutMask(shape.Dropout, dropoutKey + (place * 0x9E3779B97F4A7C15)).Apply(row, i + 1);
        }
    }

    private int Read(AttentionBuffers buffers, float* qkv, int sequence, int head)
    {
        int n = _offsets[sequence + 1] - _offsets[sequence];
        float* queries = qkv + (long)_offsets[sequence] * 3 * width + head * _headWidth;
        AttentionLayout.Read(queries, 3 * width, buffers.Queries, n, _headWidth, _queryScale);
        AttentionLayout.Read(queries + width, 3 * width, buffers.Keys, n, _headWidth, 1);
        AttentionLayout.Read(queries + 2 * width, 3 * width, buffers.Values, n, _headWidth, 1);
        return n;
    }

    private delegate void SequenceAndHead(AttentionBuffers buffers, int sequence, int head);

    // Longest first, so that the last one to finish is short.
    private void ForEach(SequenceAndHead work)
    {
        int sequences = _offsets.Length - 1;
        int[] lengths = new int[sequences], order = new int[sequences];
        int longest = 1;
        for (int b = 0; b < sequences; b++)
        {
            int length = _offsets[b + 1] - _offsets[b];
            longest = Math.Max(longest, length);
            (lengths[b], order[b]) = (-length, b);
        }

        Array.Sort(lengths, order);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _threads };
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

/// <summary>The kernel as a torch autograd function: kernel, [P, 3D], [H, L], [H, T] -> [P, D].</summary>
internal sealed class AttentionFunction : autograd.SingleTensorFunction<AttentionFunction>
{
    public override string Name => nameof(AttentionFunction);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var kernel = (AttentionKernel)vars[0];
        ctx.save_data(nameof(AttentionKernel), kernel);
        ctx.save_for_backward([(Tensor)vars[1]]);
        return kernel.Forward((Tensor)vars[1]);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using var scope = NewDisposeScope();
        var kernel = (AttentionKernel)ctx.get_data(nameof(AttentionKernel));
        Tensor qkv = ctx.get_saved_variables()[0]; // [P, 3D]
        Tensor gradient = kernel.Backward(qkv, grad_output.contiguous()); // [P, 3D]
        return [null!, .. kernel.BiasGradients().Prepend(gradient).Select(each => each.MoveToOuterDisposeScope())];
    }
}

/// <summary>One thread's buffers for one sequence and head: 750 KB at 200 x 64, so they stay in the second-level cache.</summary>
internal sealed unsafe class AttentionBuffers
{
    private const nuint Alignment = 64;

    // Training needs the same sizes thousands of times, and new memory would have to be mapped each time. Each thread uses at most one.
    private static readonly ConcurrentBag<AttentionBuffers> Idle = [];

    private readonly float*[] _matrices = new float*[9];
    private readonly int _longest;
    private readonly int _width;

    private AttentionBuffers(int longest, int width)
    {
        (_longest, _width) = (longest, width);
        nuint n = (nuint)longest, d = (nuint)width;
        for (int i = 0; i < _matrices.Length; i++)
        {
            _matrices[i] = (float*)NativeMemory.AlignedAlloc((i < 2 ? n * n : n * d) * sizeof(float), Alignment);
        }
    }

    /// <summary>[n, n]</summary>
    public float* Weights => _matrices[0];

    /// <summary>[n, n]</summary>
    public float* WeightsGradient => _matrices[1];

    /// <summary>[n, d], scaled.</summary>
    public float* Queries => _matrices[2];

    /// <summary>[n, d]</summary>
    public float* Keys => _matrices[3];

    /// <summary>[d, n]</summary>
    public float* KeysTransposed => _matrices[4];

    /// <summary>[n, d]</summary>
    public float* Values => _matrices[5];

    /// <summary>[d, n]</summary>
    public float* ValuesTransposed => _matrices[6];

    /// <summary>[n, d] gradient of the output.</summary>
    public float* OutputGradient => _matrices[7];

    /// <summary>[n, d] results.</summary>
    public float* Result => _matrices[8];

    public static AttentionBuffers Rent(int longest, int width)
    {
        (longest, width) = (AttentionTiles.RoundUp(longest), AttentionTiles.RoundUp(width));
        if (!Idle.TryTake(out AttentionBuffers? found))
        {
            return new AttentionBuffers(longest, width);
        }

        if (found._longest >= longest && found._width >= width)
        {
            return found;
        }

        found.Free();
        return new AttentionBuffers(Math.Max(longest, found._longest), Math.Max(width, found._width));
    }

    public void Return() => Idle.Add(this);

    private void Free()
    {
        for (int i = 0; i < _matrices.Length; i++)
        {
            NativeMemory.AlignedFree(_matrices[i]);
            _matrices[i] = null;
        }
    }
}

/// <summary>A dropout mask as a function of a key and a position: 0 with probability <c>rate</c>, else 1 / (1 - rate). The backward pass recomputes it
/// on any thread, and it is never stored. The mixing is MurmurHash3's finalizer.</summary>
internal readonly unsafe struct DropoutMask
{
    private readonly uint _threshold;
    private readonly uint _seed;
    private readonly float _scale;

    /// <param name="rate">0..1</param>
    public DropoutMask(double rate, ulong key)
    {
        _threshold = (uint)Math.Min(rate * 4294967296.0, uint.MaxValue);
        _seed = Fold(key);
        _scale = (float)(1 / (1 - rate));
    }

    public static DropoutMask None { get; } = new(0, 0);

    /// <summary>The mask of sixteen values, from <paramref name="first"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> At(long first) =>
        Vector512.Create(_scale) & Vector512.GreaterThanOrEqual(Mix(Vector512.Create(_seed), (uint)first), Vector512.Create(_threshold)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply(float* values, int count)
    {
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(values + j) * At(j)).Store(values + j);
        }
    }

    private static uint Fold(ulong key)
    {
        key ^= key >> 33;
        key *= 0xFF51AFD7ED558CCD;
        key ^= key >> 33;
        return (uint)(key ^ (key >> 32));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<uint> Mix(Vector512<uint> seed, uint first)
    {
        Vector512<uint> x = ((Vector512<uint>.Indices + Vector512.Create(first)) * 0x9E3779B9u) + seed;
        x ^= Vector512.ShiftRightLogical(x, 16);
        x *= 0x85EBCA6Bu;
        x ^= Vector512.ShiftRightLogical(x, 13);
        x *= 0xC2B2AE35u;
        return x ^ Vector512.ShiftRightLogical(x, 16);
    }
}

/// <summary>The random source of the kernels' dropout; torch has its own generator. Kernels compute the mask along with the values: torch's
/// takes 7 ms for 12,800 x 64 (one thread), more than three times as long as the matrix product before it.</summary>
internal sealed class DropoutNoise(long seed)
{
    private ulong _drawn;

    /// <summary>A new key, never 0.</summary>
    public ulong NextKey() => (((ulong)seed << 24) ^ ++_drawn) | (1UL << 63);

    public DropoutMask NextMask(double rate) => rate == 0 ? DropoutMask.None : new DropoutMask(rate, NextKey());
}
