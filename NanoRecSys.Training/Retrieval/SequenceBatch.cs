using NanoRecSys.Training.Data;
using NanoRecSys.Training.Models;
using NanoRecSys.Training.Models.Attention;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>A stretch of one user's training items: <c>[Start, Start + Count)</c>, of which all but the last are inputs.</summary>
public readonly record struct SequenceWindow(int User, int Start, int Count);

/// <summary>One step's input, and what follows at each of its T positions.</summary>
public sealed class SequenceBatch : IDisposable
{
    private SequenceBatch(SequencePack pack, Tensor targets)
    {
        Pack = pack;
        Targets = targets;
    }

    public SequencePack Pack { get; }

    /// <summary>[T] int64: the item row that follows at each of the pack's first T positions; what is behind them pads.</summary>
    public Tensor Targets { get; }

    /// <param name="windows">Of at least two items each.</param>
    /// <param name="split">Whose training items they are.</param>
    /// <param name="hasTimes">For a network with a time bias.</param>
    /// <param name="device">Where the tensors are put.</param>
    /// <param name="multiple">The pack has so many positions or a multiple of it: further sequences fill it up.</param>
    public static SequenceBatch Create(ReadOnlySpan<SequenceWindow> windows, DataSplit split, bool hasTimes, Device device, int multiple = 1)
    {
        ArgumentNullException.ThrowIfNull(split);
        int[] offsets = SequencePack.OffsetsOf([.. windows.ToArray().Select(window => window.Count - 1)], multiple);
        int count = offsets[windows.Length]; // T
        var rows = new int[offsets[^1]];
        var targets = new long[count];
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

        return new SequenceBatch(new SequencePack(rows, offsets, device, hasTimes ? new TimeBuckets(offsets, times, asked) : null), tensor(targets, device: device));
    }

    public void Dispose()
    {
        Pack.Dispose();
        Targets.Dispose();
    }
}
