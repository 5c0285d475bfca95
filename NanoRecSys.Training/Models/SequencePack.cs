using static TorchSharp.torch;

namespace NanoRecSys.Training.Models;

/// <summary>A batch of concatenated sequences without padding: P positions in total; sequence b has [Offsets[b], Offsets[b + 1]).</summary>
internal sealed class SequencePack : IDisposable
{
    /// <summary>Row that represents an empty history.</summary>
    public const int NoItem = -1;

    /// <param name="rows">[P] item rows, or <see cref="NoItem"/>.</param>
    /// <param name="offsets">[B + 1], ascending from 0 to P; no sequence is empty.</param>
    public SequencePack(int[] rows, int[] offsets, Device device, TimeBuckets? timeBuckets = null)
    {
        Offsets = offsets;
        TimeBuckets = timeBuckets;
        int longest = 0;
        var fromStart = new long[rows.Length];
        for (int b = 0; b < Count; b++)
        {
            int start = offsets[b], n = offsets[b + 1] - start;
            longest = Math.Max(longest, n);
            for (int t = 0; t < n; t++)
            {
                fromStart[start + t] = t;
            }
        }

        Longest = longest;
        if (rows.Contains(NoItem))
        {
            IsItem = tensor(rows.Select(row => row == NoItem ? 0f : 1f).ToArray(), [rows.Length, 1], device: device);
            rows = [.. rows.Select(row => Math.Max(row, 0))];
        }

        Rows = tensor(rows, device: device);
        FromStart = tensor(fromStart, device: device);
    }

    /// <summary>[B + 1]</summary>
    public int[] Offsets { get; }

    public int Count => Offsets.Length - 1;

    public int Longest { get; }

    /// <summary>[P] int32</summary>
    public Tensor Rows { get; }

    /// <summary>[P, 1] float, 0 where there is no item; null if all positions are items.</summary>
    public Tensor? IsItem { get; }

    /// <summary>[P] int64: number of items before each one.</summary>
    public Tensor FromStart { get; }
    public TimeBuckets? TimeBuckets { get; }

    /// <summary>[B] int64: last position of each sequence.</summary>
    public Tensor LastPositions() => tensor(Offsets[1..].Select(end => (long)end - 1).ToArray(), device: Rows.device);

    /// <param name="histories">[B]; only the last <paramref name="maxLength"/> items are used.</param>
    public static SequencePack Of(IReadOnlyList<TimedHistory> histories, int maxLength, Device device, bool hasTimes = false, int multiple = 1)
    {
        int[] offsets = OffsetsOf([.. histories.Select(history => LengthOf(history, maxLength))], multiple);
        int[] rows = new int[offsets[^1]];
        for (int b = 0; b < histories.Count; b++)
        {
            Span<int> to = rows.AsSpan(offsets[b]..offsets[b + 1]);
            ReadOnlySpan<int> items = histories[b].Items.Span;
            if (items.IsEmpty)
            {
                to.Fill(NoItem);
            }
            else
            {
                items[^to.Length..].CopyTo(to);
            }
        }

        return new SequencePack(rows, offsets, device, hasTimes ? BucketsOf(histories, offsets) : null);
    }

    /// <summary>Number of positions of a history: at least one, for <see cref="NoItem"/>.</summary>
    public static int LengthOf(TimedHistory history, int maxLength) => Math.Clamp(history.Items.Length, 1, maxLength);

    /// <param name="lengths">[B] lengths of the sequences.</param>
    /// <param name="multiple">The number of positions is a multiple of it; sequences of the first item pad the pack.</param>
    /// <returns>[B + 1 or more] start of each sequence.</returns>
    internal static int[] OffsetsOf(IReadOnlyList<int> lengths, int multiple)
    {
        List<int> offsets = [0];
        foreach (int length in lengths)
        {
            offsets.Add(offsets[^1] + length);
        }

        int longest = lengths.DefaultIfEmpty(1).Max(); // limits padding, too: a network has no positions beyond its L
        int positions = (offsets[^1] + multiple - 1) / multiple * multiple; // P
        while (offsets[^1] < positions)
        {
            offsets.Add(Math.Min(offsets[^1] + longest, positions));
        }

        return [.. offsets];
    }

    private static TimeBuckets BucketsOf(IReadOnlyList<TimedHistory> histories, int[] offsets)
    {
        var met = new long[offsets[^1]];
        var asked = new long[offsets[^1]];
        for (int b = 0; b < histories.Count; b++)
        {
            Range range = offsets[b]..offsets[b + 1];
            Span<long> times = met.AsSpan(range);
            SequenceBuilder.FillTimes(histories[b], times);
            times[1..].CopyTo(asked.AsSpan(range)); // the next item is predicted at its own time
            asked[offsets[b + 1] - 1] = histories[b].Now;
        }

        return new TimeBuckets(offsets, met, asked);
    }

    public void Dispose()
    {
        Rows.Dispose();
        IsItem?.Dispose();
        FromStart.Dispose();
    }
}

/// <summary>For every pair of a batch's positions, the time between the item at j and the prediction at i, in buckets that grow by a factor: [0, 1)
/// s, [1, 1.35), ... After Zhai et al. (2024): the bucket of a span s is floor(log(max(s, 1)) / 0.301).</summary>
internal sealed class TimeBuckets
{
    /// <summary>T: the last bucket begins at e^(0.301 * 63) s, about five years.</summary>
    public const int Count = 64;

    /// <summary>Width of a bucket, in nats.</summary>
    public const double Width = 0.301;

    private readonly byte[] _buckets; // per sequence n (n + 1) / 2: the rows of a triangle
    private readonly long[] _starts; // [B]

    /// <param name="offsets">[B + 1]</param>
    /// <param name="met">[P] time of each item, in seconds.</param>
    /// <param name="asked">[P] time of the prediction after each item: the next item's time, or now.</param>
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

    public static byte Of(long seconds) => (byte)Math.Min(Count - 1, (int)(Math.Log(Math.Max(1, seconds)) / Width));

    /// <returns>[i + 1] buckets of position i attending to 0..i.</returns>
    public ReadOnlySpan<byte> Row(int sequence, int i) => _buckets.AsSpan((int)(_starts[sequence] + ((long)i * (i + 1) / 2)), i + 1);
}
