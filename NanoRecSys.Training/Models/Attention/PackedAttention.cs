using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Attention;

/// <summary>Causal attention over packed sequences: by our kernel on a CPU that has its vectors, else by torch.</summary>
internal static class PackedAttention
{
    /// <summary>Whether a tensor's attention is the kernel's work.</summary>
    public static bool HasKernel(Device device)
    {
        return device.type == DeviceType.CPU && Vector512.IsHardwareAccelerated;
    }

    /// <param name="shape">See there.</param>
    /// <param name="qkv">[P, 3D] queries, keys and values.</param>
    /// <param name="bias">Learned additions to the scores, or none.</param>
    /// <param name="pack">Where sequences begin.</param>
    /// <param name="noise">Draws the dropout; null: none.</param>
    /// <returns>[P, D]</returns>
    public static Tensor Apply(AttentionShape shape, Tensor qkv, BiasTables? bias, SequencePack pack, DropoutNoise? noise)
    {
        if (!HasKernel(qkv.device))
        {
            return PaddedAttention.Apply(shape, qkv, bias, pack, noise is not null);
        }

        using var scope = NewDisposeScope();
        ulong dropoutKey = noise is null || shape.Dropout == 0 ? 0 : noise.NextKey();
        var call = new AttentionCall(shape, pack, bias, (int)qkv.shape[1] / 3, dropoutKey);
        Tensor dense = qkv.contiguous(); // [P, 3D]
        Tensor output = bias switch
        {
            _ when !is_grad_enabled() => call.Forward(dense),
            null => AttentionFunction.apply(call, dense),
            { Time: null } => AttentionFunction.apply(call, dense, bias.Distance),
            _ => AttentionFunction.apply(call, dense, bias.Distance, bias.Time),
        };
        return output.MoveToOuterDisposeScope(); // [P, D]
    }
}

/// <summary>The learned additions to a layer's scores.</summary>
/// <param name="Distance">[H, L] by how many items lie between.</param>
/// <param name="Time">[H, T] by the time between; see <see cref="TimeBuckets"/>.</param>
internal sealed record BiasTables(Tensor Distance, Tensor? Time);

/// <summary>
/// The same attention in torch's own operators, for GPUs and for processors without the kernel's vectors: sequences
/// are padded on the right, where the causal mask hides what was added.
/// </summary>
internal static class PaddedAttention
{
    /// <returns>[P, D]</returns>
    public static Tensor Apply(AttentionShape shape, Tensor qkv, BiasTables? bias, SequencePack pack, bool isTraining)
    {
        using var scope = NewDisposeScope();
        Device device = qkv.device;
        long batch = pack.Count, length = pack.Longest, width = qkv.shape[1] / 3;
        (Tensor toPadded, Tensor toPacked) = Places(pack, device); // [B * L], [P]
        Tensor withZero = cat([qkv, zeros(1, 3 * width, device: device)]); // [P + 1, 3D]
        Tensor[] parts = withZero.index_select(0, toPadded).view(batch, length, 3, shape.Heads, -1).unbind(2); // 3 x [B, L, H, d]
        Tensor q = parts[0].transpose(1, 2), k = parts[1].transpose(1, 2), v = parts[2].transpose(1, 2); // [B, H, L, d]
        Tensor scores = q.matmul(k.transpose(-1, -2)) / Math.Sqrt((double)width / shape.Heads); // [B, H, L, L]
        if (bias is not null)
        {
            scores = scores + Added(bias, pack, device); // [B or 1, H, L, L]
        }

        Tensor isFuture = ones(length, length, ScalarType.Bool, device).triu(1); // [L, L]
        Tensor weights = scores.masked_fill(isFuture, float.NegativeInfinity).softmax(-1);
        weights = nn.functional.dropout(weights, shape.Dropout, isTraining);
        Tensor mixed = weights.matmul(v).transpose(1, 2).reshape(batch * length, width); // [B, H, L, d] -> [B * L, D]
        return mixed.index_select(0, toPacked).MoveToOuterDisposeScope();
    }

    /// <summary>Where each padded position's row stands in the pack (P: nowhere), and each packed one's when padded.</summary>
    private static (Tensor ToPadded, Tensor ToPacked) Places(SequencePack pack, Device device)
    {
        int total = pack.Offsets[^1];
        long[] toPadded = new long[pack.Count * pack.Longest], toPacked = new long[total];
        Array.Fill(toPadded, total);
        for (int b = 0; b < pack.Count; b++)
        {
            for (int p = pack.Offsets[b]; p < pack.Offsets[b + 1]; p++)
            {
                int padded = (b * pack.Longest) + p - pack.Offsets[b];
                (toPadded[padded], toPacked[p]) = (p, padded);
            }
        }

        return (tensor(toPadded, device: device), tensor(toPacked, device: device));
    }

    private static Tensor Added(BiasTables bias, SequencePack pack, Device device)
    {
        Tensor places = arange(pack.Longest, device: device);
        Tensor between = (places.unsqueeze(1) - places).clamp_min(0); // [L, L] items from j to i
        Tensor added = bias.Distance.index_select(1, between.flatten()).view(1, -1, pack.Longest, pack.Longest); // [1, H, L, L]
        if (bias.Time is null)
        {
            return added;
        }

        Tensor byTime = bias.Time.index_select(1, Buckets(pack, device)); // [H, B * L * L]
        return added + byTime.view(-1, pack.Count, pack.Longest, pack.Longest).transpose(0, 1); // [B, H, L, L]
    }

    /// <returns>[B * L * L] int64; 0 where there is no pair.</returns>
    private static Tensor Buckets(SequencePack pack, Device device)
    {
        int length = pack.Longest;
        long[] buckets = new long[pack.Count * length * length];
        for (int b = 0; b < pack.Count; b++)
        {
            for (int i = 0; i < pack.Offsets[b + 1] - pack.Offsets[b]; i++)
            {
                ReadOnlySpan<byte> row = pack.TimeBuckets!.Row(b, i);
                for (int j = 0; j < row.Length; j++)
                {
                    buckets[(((b * length) + i) * length) + j] = row[j];
                }
            }
        }

        return tensor(buckets, device: device);
    }
}

/// <summary>What one attention layer does with its projections: softmax over the past, of scores scaled by 1/sqrt(d).</summary>
/// <param name="Heads">H; the width D is a multiple of it.</param>
/// <param name="Dropout">On the weights, in training only.</param>
internal sealed record AttentionShape(int Heads, double Dropout);

/// <summary>
/// For every pair of a batch's positions, how long before the prediction at i the item at j was met, in buckets that
/// grow by a factor: [0, 1) s, [1, 1.35), ... After Zhai et al. (2024): the bucket of a span s is
/// floor(log(max(s, 1)) / 0.301), 0.301 s in nats.
/// </summary>
internal sealed class TimeBuckets
{
    /// <summary>T: the last bucket begins at 0.301 * 63 nats, some five years.</summary>
    public const int Count = 64;

    /// <summary>Of a bucket, in nats.</summary>
    public const double Width = 0.301;

    private readonly byte[] _buckets; // per sequence n (n + 1) / 2: the rows of a triangle, one after another
    private readonly long[] _starts; // [B]

    /// <param name="offsets">[B + 1]</param>
    /// <param name="met">[P] when each item was met, in seconds.</param>
    /// <param name="asked">[P] when what follows it is asked for: the next item's time, or now.</param>
    public TimeBuckets(int[] offsets, ReadOnlySpan<long> met, ReadOnlySpan<long> asked)
    {
        _starts = new long[offsets.Length];
        for (int b = 1; b < offsets.Length; b++)
        {
            long n = offsets[b] - offsets[b - 1];
            _starts[b] = _starts[b - 1] + (n * (n + 1) / 2);
        }

        _buckets = new byte[_starts[^1]];
        for (int b = 0; b + 1 < offsets.Length; b++)
        {
            int start = offsets[b], n = offsets[b + 1] - start;
            for (int i = 0; i < n; i++)
            {
                Span<byte> row = _buckets.AsSpan((int)(_starts[b] + ((long)i * (i + 1) / 2)), i + 1);
                for (int j = 0; j <= i; j++)
                {
                    row[j] = Of(asked[start + i] - met[start + j]);
                }
            }
        }
    }

    /// <param name="seconds">Between two times; negative counts as none.</param>
    public static byte Of(long seconds) => (byte)Math.Min(Count - 1, (int)(Math.Log(Math.Max(1, seconds)) / Width));

    /// <returns>[i + 1] buckets of position i looking at 0..i.</returns>
    public ReadOnlySpan<byte> Row(int sequence, int i) => _buckets.AsSpan((int)(_starts[sequence] + ((long)i * (i + 1) / 2)), i + 1);
}
