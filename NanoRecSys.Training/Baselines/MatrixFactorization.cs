using NanoRecSys.Core.Data;
using NanoRecSys.Training.Evaluation;
using static TorchSharp.torch;

namespace NanoRecSys.Training.Baselines;

/// <summary>
/// Matrix factorisation as a model of histories: a user's factors are solved for from the history at hand, so
/// that users who were not there in training, and items that came since, count as well.
/// </summary>
public sealed class MatrixFactorization : IScorer, IDisposable
{
    public const string ModelName = "mf";
    private const double Negligible = 1e-4; // what still older items could add is lost in the rounding

    private readonly MatrixFactorizationOptions _options;
    private readonly float[] _items; // [V, D]
    private readonly float[] _gram; // [D, D]
    private readonly int _threads;
    private readonly Tensor _table; // [V, D]
    private readonly ItemProducts _products;

    /// <param name="options">Those of the training; the decay may differ.</param>
    /// <param name="items">[V, D] trained item factors.</param>
    /// <param name="threads">CPU threads.</param>
    public MatrixFactorization(MatrixFactorizationOptions options, float[] items, int threads)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(items);
        (_options, _items, _threads) = (options, items, threads);
        _gram = ImplicitAls.Gram(items, options.Dimension);
        _table = tensor(items, [items.Length / options.Dimension, options.Dimension]).DetachFromDisposeScope();
        _products = new ItemProducts(_table);
    }

    public string Name => ModelName;

    public void Score(IReadOnlyList<TimedHistory> histories, Span<float> scores)
    {
        ArgumentNullException.ThrowIfNull(histories);
        int dimension = _options.Dimension;
        float[] users = new float[histories.Count * dimension]; // [B, D]
        Parallel.For(0, histories.Count, new ParallelOptions { MaxDegreeOfParallelism = _threads }, () => new LeastSquares(dimension), (b, _, solver) =>
        {
            FoldIn(histories[b].Items.Span, solver, users.AsSpan(b * dimension, dimension));
            return solver;
        }, _ => { });
        using Tensor batch = tensor(users, [histories.Count, dimension]); // [B, D]
        _products.With(batch).CopyTo(scores);
    }

    public void Dispose()
    {
        _products.Dispose();
        _table.Dispose();
    }

    /// <param name="history">Item rows, oldest first.</param>
    /// <param name="solver">To work with.</param>
    /// <param name="user">[D] to be set.</param>
    private void FoldIn(ReadOnlySpan<int> history, LeastSquares solver, Span<float> user)
    {
        int dimension = _options.Dimension;
        double total = 0;
        double weight = 1;
        for (int t = 0; t < history.Length; t++, weight *= _options.Decay)
        {
            total += weight;
        }

        solver.Start(_gram, (float)_options.UnobservedWeight, ImplicitAls.Ridge(_options, total, _items.Length / dimension), user);
        weight = 1;
        for (int t = history.Length - 1; t >= 0 && weight > Negligible; t--, weight *= _options.Decay)
        {
            solver.Add(_items.AsSpan(history[t] * dimension, dimension), (float)weight, user);
        }

        solver.Solve(user);
    }
}
