using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using NanoRecSys.Core.Kernels;
using static NanoRecSys.Core.Kernels.Vectors512;

namespace NanoRecSys.Training.Kernels;

/// <summary>The learned biases of scores, by the number of items and by the time between query and key, and their gradients. Sums are kept per
/// sequence and added in a fixed order, so the number of threads does not change the result.</summary>
internal sealed unsafe class AttentionBias
{
    private readonly int _heads;
    private readonly int _length; // L
    private readonly int _stride; // L plus one vector, since reads may pass the end of a row
    private readonly float[] _distance; // [H, stride], farthest first, in the order of a row of scores
    private readonly float[]? _time; // [H, T]
    private readonly TimeBuckets? _buckets;
    private readonly int _sequences;
    private float[] _distanceGradient = []; // [B, H, stride]
    private float[] _timeGradient = []; // [B, H, T]

    /// <param name="distance">[H, L] by the number of items in between, nearest first.</param>
    /// <param name="time">[H, T] by bucket, or empty.</param>
    public AttentionBias(ReadOnlySpan<float> distance, ReadOnlySpan<float> time, TimeBuckets? buckets, int heads, int sequences)
    {
        _heads = heads;
        _length = distance.Length / heads;
        _stride = _length + Lanes;
        _distance = new float[heads * _stride];
        for (int head = 0; head < heads; head++)
        {
            Span<float> row = _distance.AsSpan(head * _stride, _length);
            distance.Slice(head * _length, _length).CopyTo(row);
            row.Reverse();
        }

        _buckets = buckets;
        _time = time.IsEmpty ? null : time.ToArray();
        _sequences = sequences;
    }

    /// <summary>Allocates what <see cref="Gather"/> needs; not needed for a forward pass alone.</summary>
    public void BeginGradients()
    {
        _distanceGradient = new float[_sequences * _heads * _stride];
        _timeGradient = new float[_sequences * (_time?.Length ?? 0)];
    }

    /// <summary>row[j] += bias of query i and key j, for j up to i.</summary>
    public void Add(float* row, int sequence, int head, int i)
    {
        fixed (float* bias = &_distance[(head * _stride) + _length - 1 - i])
        {
            AttentionWeights.Add(row, bias, i + 1);
        }

        if (_time is null)
        {
            return;
        }

        ReadOnlySpan<float> table = _time.AsSpan(head * TimeBuckets.Count, TimeBuckets.Count);
        ReadOnlySpan<byte> buckets = _buckets!.Row(sequence, i);
        for (int j = 0; j < buckets.Length; j++)
        {
            row[j] += table[buckets[j]];
        }
    }

    /// <summary>Adds the gradient of a row of scores.</summary>
    public void Gather(float* gradient, int sequence, int head, int i)
    {
        int slot = (sequence * _heads) + head;
        fixed (float* sums = &_distanceGradient[(slot * _stride) + _length - 1 - i])
        {
            AttentionWeights.Add(sums, gradient, i + 1);
        }

        if (_time is null)
        {
            return;
        }

        Span<float> table = _timeGradient.AsSpan(slot * TimeBuckets.Count, TimeBuckets.Count);
        ReadOnlySpan<byte> buckets = _buckets!.Row(sequence, i);
        for (int j = 0; j < buckets.Length; j++)
        {
            table[buckets[j]] += gradient[j];
        }
    }

    /// <returns>[H, L] by distance, and [H, T] by time if there is a time bias.</returns>
    public IEnumerable<float[]> Gradients() =>
        _time is null ? [DistanceGradient()] : [DistanceGradient(), Sum(_timeGradient, TimeBuckets.Count, TimeBuckets.Count)];

    private float[] DistanceGradient()
    {
        float[] gradient = Sum(_distanceGradient, _stride, _length);
        for (int head = 0; head < _heads; head++)
        {
            gradient.AsSpan(head * _length, _length).Reverse();
        }

        return gradient;
    }

    /// <summary>[B, H, stride] -> [H, kept]</summary>
    private float[] Sum(float[] perSequence, int stride, int kept)
    {
        var sum = new float[_heads * kept];
        for (int slot = 0; slot < perSequence.Length / stride; slot++)
        {
            Span<float> to = sum.AsSpan(slot % _heads * kept, kept);
            TensorPrimitives.Add(to, perSequence.AsSpan(slot * stride, kept), to);
        }

        return sum;
    }
}

/// <summary>One row of attention: scores into weights and back, sixteen at a time. A row's buffer consists of whole vectors; values from
/// <c>count</c> on are written as zero.</summary>
internal static unsafe class AttentionWeights
{
    /// <summary>row = softmax(row)</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Softmax(float* row, int count)
    {
        Vector512<float> scale = Vector512.Create(AttentionRow.Softmax(row, count));
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(row + j) * scale).Store(row + j);
        }
    }

    /// <summary>gradient = weights * (gradient - weights · gradient): the backward pass of softmax.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void SoftmaxBack(float* weights, float* gradient, int count)
    {
        Vector512<float> sum = default;
        for (int j = 0; j < count; j += Lanes)
        {
            sum = Vector512.FusedMultiplyAdd(Vector512.Load(weights + j), Vector512.Load(gradient + j), sum);
        }

        Vector512<float> mean = Vector512.Create(Vector512.Sum(sum));
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(weights + j) * (Vector512.Load(gradient + j) - mean)).Store(gradient + j);
        }
    }

    /// <summary>row += bias</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* row, float* bias, int count)
    {
        for (int j = 0; j < count; j += Lanes)
        {
            (Vector512.Load(row + j) + Vector512.Load(bias + j)).Store(row + j);
        }
    }
}
