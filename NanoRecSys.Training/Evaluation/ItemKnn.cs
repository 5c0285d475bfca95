using TorchSharp;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Evaluation;

/// <summary>The defaults are tuned on validation, jointly for five data sets; the measurements are in docs/models.md.</summary>
internal sealed record ItemKnnOptions
{
    /// <summary>Number of most similar items kept for each item.</summary>
    public int Neighbours { get; init; } = 200;

    /// <summary>Added to the cosine's denominator: pairs that few users share count less.</summary>
    public double Shrinkage { get; init; } = 30;

    /// <summary>Weight of an item relative to the one after it in the history; 1 weights all equally.</summary>
    public double Decay { get; init; } = 0.7;

    /// <summary>Factor by which a pair's weight shrinks with each position between its items; 1 weights all pairs equally.</summary>
    public double Nearness { get; init; } = 0.93;

    /// <summary>Weight of a neighbor before the item relative to one after it.</summary>
    public double Before { get; init; } = 0.5;
}

/// <summary>Item-based nearest neighbors: cosine similarities over the users of the training part, of items near each other in their histories.</summary>
internal static class ItemKnn
{
    public const string ModelName = "item-knn";

    public static ItemLists Build(DataSplit split, int items, ItemKnnOptions options, int threads, CancellationToken cancellation = default)
    {
        var nearby = new NearbyItems(split, items);
        var neighbours = new Candidate[items][];
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        Parallel.For(0, items, parallel, () => new float[items], (item, _, together) =>
        {
            neighbours[item] = NeighboursOf(item, nearby, together, options);
            return together;
        }, _ => { });
        return ItemLists.Of(neighbours, options.Decay);
    }

    private static Candidate[] NeighboursOf(int item, NearbyItems nearby, float[] together, ItemKnnOptions options)
    {
        Array.Clear(together);
        nearby.AddTo(item, (float)options.Nearness, (float)options.Before, together);
        var best = new Candidate[Math.Min(options.Neighbours, together.Length)];
        var top = new TopK(best);
        for (int other = 0; other < together.Length; other++)
        {
            if (together[other] > 0 && other != item)
            {
                double norm = Math.Sqrt((double)nearby.CountOf(item) * nearby.CountOf(other));
                top.Offer(other, (float)(together[other] / (norm + options.Shrinkage)));
            }
        }

        return best[..top.SortBestFirst()];
    }
}

/// <summary>A linear item-item model by itself.</summary>
/// <param name="lists">Owned by the caller.</param>
internal sealed class ItemListScorer(string name, ItemLists lists) : IScorer
{
    private readonly int[] _touched = new int[lists.MostTouched];

    public string Name => name;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        for (int b = 0; b < histories.Count; b++)
        {
            Span<float> own = scores.Slice(b * lists.Count, lists.Count);
            own.Clear();
            lists.Add(histories[b].Items.Span, own, _touched);
        }
    }
}

/// <summary>Products of users with all items. The result buffer is reused: allocating memory of this size goes to the kernel each time, which
/// added half the cost of the products (57,289 items, 256 users).</summary>
/// <param name="items">[V, D]; owned by the caller.</param>
internal sealed class ItemProducts(Tensor items) : IDisposable
{
    private readonly Tensor _columns = items.t(); // [D, V]
    private Tensor? _products; // [B or more, V]
    private float[] _onCpu = []; // the same, of a GPU's products
    private long _rows; // B

    /// <summary>[B, V] the last result of <see cref="With"/>.</summary>
    public ReadOnlySpan<float> Last => items.device_type == DeviceType.CPU
        // Not data<float>(): copying through TorchSharp's accessor took most of an evaluation's time.
        ? MemoryMarshal.Cast<byte, float>(_products!.bytes)[..(int)(_rows * items.shape[0])]
        : _onCpu;

    /// <param name="users">[B, D]</param>
    /// <returns>[B, V], valid until the next call.</returns>
    public ReadOnlySpan<float> With(Tensor users)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (_products is null || _products.shape[0] < users.shape[0])
        {
            _products?.Dispose();
            _products = empty(users.shape[0], items.shape[0], dtype: float32, device: items.device).DetachFromDisposeScope();
        }

        Tensor rows = _products.slice(0, 0, users.shape[0], 1); // [B, V]
        rows.addmm_(users, _columns, 0, 1); // [B, D] x [D, V] -> [B, V]
        _rows = users.shape[0];
        _onCpu = items.device_type == DeviceType.CPU ? [] : rows.cpu().data<float>().ToArray();
        return Last;
    }

    public void Dispose()
    {
        _products?.Dispose();
        _columns.Dispose();
    }
}
