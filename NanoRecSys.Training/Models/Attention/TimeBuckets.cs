namespace NanoRecSys.Training.Models.Attention;

/// <summary>
/// For every pair of a batch's positions, how long before the prediction at i the item at j was met, in buckets that
/// grow by a factor: [0, 1) s, [1, 1.35), ... After Zhai et al. (2024): the bucket of a span s is
/// floor(log(max(s, 1)) / 0.301), 0.301 s in nats.
/// </summary>
public sealed class TimeBuckets
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
        ArgumentNullException.ThrowIfNull(offsets);
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
