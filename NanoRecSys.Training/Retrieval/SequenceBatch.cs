using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Models.Attention;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>A stretch of one user's training items: <c>[Start, Start + Count)</c>, of which all but the last are inputs.</summary>
public readonly record struct SequenceWindow(int User, int Start, int Count);

/// <summary>One step's input, and what follows at each of its P positions.</summary>
public sealed class SequenceBatch : IDisposable
{
    private SequenceBatch(SequencePack pack, Tensor targets)
    {
        Pack = pack;
        Targets = targets;
    }

    public SequencePack Pack { get; }

    /// <summary>[P] int64: the item row that follows at each position.</summary>
    public Tensor Targets { get; }

    /// <param name="windows">Of at least two items each.</param>
    /// <param name="split">Whose training items they are.</param>
    /// <param name="hasTimes">For a network with a time bias.</param>
    /// <param name="device">Where the tensors are put.</param>
    /// <param name="idDropout">Share of the inputs that are hidden.</param>
    /// <param name="random">Draws these; needed where the share is above zero.</param>
    public static SequenceBatch Create(
        ReadOnlySpan<SequenceWindow> windows, DataSplit split, bool hasTimes, Device device, double idDropout = 0, Random? random = null)
    {
        ArgumentNullException.ThrowIfNull(split);
        int[] offsets = new int[windows.Length + 1];
        for (int b = 0; b < windows.Length; b++)
        {
            offsets[b + 1] = offsets[b] + windows[b].Count - 1;
        }

        var rows = new int[offsets[^1]];
        var targets = new long[offsets[^1]];
        var times = new long[hasTimes ? offsets[^1] : 0]; // of each item
        var asked = new long[times.Length]; // of the one that followed
        for (int b = 0; b < windows.Length; b++)
        {
            SequenceWindow window = windows[b];
            ReadOnlySpan<int> items = split.Train(window.User).Slice(window.Start, window.Count);
            items[..^1].CopyTo(rows.AsSpan(offsets[b]));
            for (int t = 1; t < items.Length; t++)
            {
                targets[offsets[b] + t - 1] = items[t];
            }

            if (hasTimes)
            {
                ReadOnlySpan<long> met = split.TrainTimes(window.User).Slice(window.Start, window.Count);
                met[..^1].CopyTo(times.AsSpan(offsets[b]));
                met[1..].CopyTo(asked.AsSpan(offsets[b]));
            }
        }

        for (int p = 0; idDropout > 0 && p < rows.Length; p++)
        {
            rows[p] = random!.NextDouble() < idDropout ? SequencePack.NoItem : rows[p];
        }

        return new SequenceBatch(new SequencePack(rows, offsets, device, hasTimes ? new TimeBuckets(offsets, times, asked) : null), tensor(targets, device: device));
    }

    public void Dispose()
    {
        Pack.Dispose();
        Targets.Dispose();
    }
}
