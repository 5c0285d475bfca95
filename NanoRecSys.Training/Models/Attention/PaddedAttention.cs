using static TorchSharp.torch;

namespace NanoRecSys.Training.Models.Attention;

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
