using NanoRecSys.Core.Data;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Retrieval;

/// <summary>A stretch of one user's training items: <c>[Start, Start + Count)</c>, of which all but the last are inputs.</summary>
public readonly record struct SequenceWindow(int User, int Start, int Count);

/// <summary>One step's input. Sequences are padded on the left to the longest of the batch.</summary>
public sealed class SequenceBatch : IDisposable
{
    private SequenceBatch(Tensor tokens, Tensor positions, Tensor targets, int sequences)
    {
        Tokens = tokens;
        Positions = positions;
        Targets = targets;
        Sequences = sequences;
    }

    /// <summary>[B, L] int64; 0 is padding.</summary>
    public Tensor Tokens { get; }

    /// <summary>[P] int64: where in the flattened [B * L] an item stands; only these are trained.</summary>
    public Tensor Positions { get; }

    /// <summary>[P] int64: the item row that follows at each of <see cref="Positions"/>.</summary>
    public Tensor Targets { get; }

    public int Sequences { get; }

    /// <param name="windows">Of at least two items each.</param>
    /// <param name="itemsOf">A user's training items, oldest first.</param>
    /// <param name="device">Where the tensors are put.</param>
    public static SequenceBatch Create(ReadOnlySpan<SequenceWindow> windows, Func<int, ReadOnlySpan<int>> itemsOf, Device device)
    {
        ArgumentNullException.ThrowIfNull(itemsOf);
        int length = 0;
        int trained = 0;
        foreach (SequenceWindow window in windows)
        {
            length = Math.Max(length, window.Count - 1);
            trained += window.Count - 1;
        }

        var tokens = new long[windows.Length * length];
        var positions = new long[trained];
        var targets = new long[trained];
        int p = 0;
        for (int b = 0; b < windows.Length; b++)
        {
            SequenceWindow window = windows[b];
            ReadOnlySpan<int> items = itemsOf(window.User).Slice(window.Start, window.Count);
            SequenceBuilder.Fill(items[..^1], tokens.AsSpan(b * length, length));
            for (int t = 1; t < items.Length; t++, p++)
            {
                positions[p] = (b + 1) * length - items.Length + t;
                targets[p] = items[t];
            }
        }

        return new SequenceBatch(
            tensor(tokens, [windows.Length, length], device: device), tensor(positions, device: device),
            tensor(targets, device: device), windows.Length);
    }

    public void Dispose()
    {
        Tokens.Dispose();
        Positions.Dispose();
        Targets.Dispose();
    }
}
