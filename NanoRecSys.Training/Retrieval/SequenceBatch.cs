using NanoRecSys.Training.Models;
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
    /// <param name="itemsOf">A user's training items, oldest first.</param>
    /// <param name="device">Where the tensors are put.</param>
    /// <param name="idDropout">Share of the inputs that are hidden.</param>
    /// <param name="random">Draws these; needed where the share is above zero.</param>
    public static SequenceBatch Create(
        ReadOnlySpan<SequenceWindow> windows, Func<int, ReadOnlySpan<int>> itemsOf, Device device, double idDropout = 0, Random? random = null)
    {
        ArgumentNullException.ThrowIfNull(itemsOf);
        int[] offsets = new int[windows.Length + 1];
        for (int b = 0; b < windows.Length; b++)
        {
            offsets[b + 1] = offsets[b] + windows[b].Count - 1;
        }

        var rows = new int[offsets[^1]];
        var targets = new long[offsets[^1]];
        for (int b = 0; b < windows.Length; b++)
        {
            SequenceWindow window = windows[b];
            ReadOnlySpan<int> items = itemsOf(window.User).Slice(window.Start, window.Count);
            items[..^1].CopyTo(rows.AsSpan(offsets[b]));
            for (int t = 1; t < items.Length; t++)
            {
                targets[offsets[b] + t - 1] = items[t];
            }
        }

        for (int p = 0; idDropout > 0 && p < rows.Length; p++)
        {
            rows[p] = random!.NextDouble() < idDropout ? SequencePack.NoItem : rows[p];
        }

        return new SequenceBatch(new SequencePack(rows, offsets, device), tensor(targets, device: device));
    }

    public void Dispose()
    {
        Pack.Dispose();
        Targets.Dispose();
    }
}
