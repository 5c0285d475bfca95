using static TorchSharp.torch;

namespace NanoRecSys.Training.Baselines;

/// <summary>
/// EASE (Steck, 2019): the linear item-item model B with a zero diagonal that best reproduces the users' items under an L2 penalty,
/// in closed form. With P = (G + penalty I)^-1, B[i, j] = -P[i, j] / P[j, j]. G is X'X if all pairs in a history have equal weight; here a pair's weight
/// depends on the distance between its items, which keeps G positive definite. Histories are weighted by recency.
/// </summary>
/// <remarks>Only each item's strongest positive entries are kept; serving and evaluation use the same ones.</remarks>
internal static class Ease
{
    public const string ModelName = "ease";
    public const string ListsName = "lists"; // [V, 2 N]

    private const long BytesPerEntry = 3 * sizeof(float); // the Gram matrix, its factor and the inverse
    private const double MemoryShare = 0.6; // of the memory available to the process

    /// <returns>Why the matrices do not fit into memory; null if they do.</returns>
    /// <param name="items">V</param>
    /// <param name="memory">Bytes available to the process.</param>
    public static string? Problem(int items, long memory)
    {
        double needed = BytesPerEntry * (double)items * items;
        return needed <= MemoryShare * memory ? null :
            $"EASE inverts a matrix of items times items: {items:N0} items need {needed / (1 << 30):N1} GiB, {MemoryShare * memory / (1 << 30):N1} GiB are available. "
            + "Prepare fewer items with --k-core, or use item-knn or mf.";
    }

    /// <summary>Seconds that one penalty takes on this machine now, extrapolated from a smaller matrix: the cost is cubic in the number of items.</summary>
    public static double Estimate(int items, int threads)
    {
        const int Probe = 2_000;
        LibTorch.Load();
        set_num_threads(threads);
        Time(64); // loads the native code
        return Time(Math.Min(items, Probe)) * Math.Pow(Math.Max(1, items / (double)Probe), 3);

        static double Time(int size)
        {
            using var scope = NewDisposeScope();
            var watch = Stopwatch.StartNew();
            linalg.cholesky(eye(size, dtype: float32)).cholesky_inverse();
            return watch.Elapsed.TotalSeconds;
        }
    }

    /// <param name="split">Only its training part is used.</param>
    /// <param name="items">V</param>
    /// <exception cref="UserErrorException">The matrices do not fit into memory.</exception>
    public static ItemLists Build(DataSplit split, int items, double penalty, EaseOptions options, int threads, CancellationToken cancellation = default)
    {
        if (Problem(items, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) is { } problem)
        {
            throw new UserErrorException(problem);
        }

        set_num_threads(threads);
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        Tensor inverse; // [V, V]
        using (Tensor gram = Gram(split, items, penalty, options.Nearness, threads, cancellation))
        using (Tensor factor = linalg.cholesky(gram))
        {
            gram.Dispose();
            inverse = factor.cholesky_inverse().t().contiguous(); // symmetric, and stored by column
        }

        cancellation.ThrowIfCancellationRequested();
        float[] diagonal = inverse.diagonal().contiguous().data<float>().ToArray();
        var lists = new Candidate[items][];
        for (int item = 0; item < items; item++)
        {
            using Tensor row = inverse[item];
            lists[item] = Strongest(item, MemoryMarshal.Cast<byte, float>(row.bytes), diagonal, options.Neighbours);
        }

        return ItemLists.Of(lists, options.Decay);
    }

    /// <exception cref="UserErrorException">The model is not trained, was trained on other data, or its files are damaged.</exception>
    public static ItemLists Read(string folder, PreparedData data) => ModelFolder.Ease.Read(folder, data, (options, weights) =>
    {
        NamedTensor lists = weights[ListsName].RequireRows(data.Catalog.Count);
        return ItemLists.Of(lists.Values, (int)lists.Shape[1], options.Decay);
    });

    private static Candidate[] Strongest(int item, ReadOnlySpan<float> inverse, float[] diagonal, int neighbours)
    {
        var best = new Candidate[Math.Min(neighbours, inverse.Length)];
        var top = new TopK(best);
        for (int other = 0; other < inverse.Length; other++)
        {
            float weight = -inverse[other] / diagonal[other];
            if (weight > 0 && other != item)
            {
                top.Offer(other, weight);
            }
        }

        return best[..top.SortBestFirst()];
    }

    /// <summary>[V, V] weighted co-occurrence of items, with the penalty on the diagonal.</summary>
    private static Tensor Gram(DataSplit split, int items, double penalty, double nearness, int threads, CancellationToken cancellation)
    {
        var nearby = new NearbyItems(split, items);
        Tensor gram = zeros(items, items, dtype: float32).DetachFromDisposeScope();
        Debug.Assert(gram.is_contiguous(), "rows are written in place");
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        Parallel.For(0, items, parallel, () => new float[items], (item, _, together) =>
        {
            Array.Clear(together);
            nearby.AddTo(item, (float)nearness, before: 1, together);
            together[item] += (float)penalty;
            using Tensor row = gram[item];
            MemoryMarshal.AsBytes<float>(together).CopyTo(row.bytes);
            return together;
        }, _ => { });
        return gram;
    }
}

/// <summary>Hyper-parameters of EASE; the defaults are tuned on validation.</summary>
internal sealed record EaseOptions : IBaselineOptions
{
    /// <summary>L2 penalties on the weights to choose from on validation; the best value varies tenfold between data sets.</summary>
    public IReadOnlyList<int> Penalties { get; init; } = [50, 200, 1000];

    /// <summary>N, strongest entries kept for each item.</summary>
    public int Neighbours { get; init; } = 200;

    /// <summary>Weight of an item in a history relative to the item after it.</summary>
    public double Decay { get; init; } = 0.7;

    /// <summary>Factor by which the weight of a pair shrinks with each position between its items; 1 weights all pairs equally.</summary>
    public double Nearness { get; init; } = 0.97;

    public IBaselineTrainer CreateTrainer(PreparedData data, StepContext context) => new EaseTrainer(this, data, context.Threads);
}

/// <summary>Trains EASE: one epoch per penalty.</summary>
internal sealed class EaseTrainer(EaseOptions options, PreparedData data, int threads) : IBaselineTrainer
{
    private ItemLists? _lists;
    private int _penalty;

    public string Name => Ease.ModelName;

    public int Epochs => options.Penalties.Count;

    public double? TrainEpoch(int epoch, Action<double> progress, CancellationToken cancellation)
    {
        _penalty = options.Penalties[epoch - 1];
        _lists = Ease.Build(data.Split, data.Catalog.Count, _penalty, options, threads, cancellation);
        progress(1);
        return null;
    }

    public IScorer Open() => new ItemListScorer(Name, _lists!);

    public void Save(string folder) => ModelFolder.Ease.Write(
        folder, options with { Penalties = [_penalty] }, [new NamedTensor(Ease.ListsName, [_lists!.Count, _lists.Columns], _lists.Pairs.ToArray())], data.Hash);
}
