using System.Numerics.Tensors;
using NanoRecSys.Training.Data;

namespace NanoRecSys.Training.Baselines;

/// <summary>
/// Alternating least squares on who had what (Hu, Koren and Volinsky, 2008), with every item that a user did
/// not have as a weak zero. A sweep's cost grows with the interactions, not with users times items.
/// </summary>
internal sealed class ImplicitAls
{
    private readonly MatrixFactorizationOptions _options;
    private readonly int _threads;
    private readonly TrainIncidence _incidence;
    private readonly float[] _users; // [U, D]

    /// <param name="split">Only its training part is looked at.</param>
    /// <param name="items">V</param>
    /// <param name="options">See there.</param>
    /// <param name="seed">Of the first item factors.</param>
    /// <param name="threads">CPU threads; the result does not depend on them.</param>
    public ImplicitAls(DataSplit split, int items, MatrixFactorizationOptions options, long seed, int threads)
    {
        _options = options;
        _threads = threads;
        _incidence = TrainIncidence.Of(split, items);
        _users = new float[split.UserCount * options.Dimension];
        Items = new float[items * options.Dimension];
        var random = new Random(unchecked((int)seed));
        for (int i = 0; i < Items.Length; i++)
        {
            Items[i] = (float)((random.NextDouble() * 2 - 1) * 0.1 / Math.Sqrt(options.Dimension));
        }
    }

    /// <summary>[V, D]</summary>
    public float[] Items { get; }

    /// <summary>Solves for all users, then for all items.</summary>
    public void Sweep(CancellationToken cancellation)
    {
        SolveAll(_users, _incidence.ItemsOfUser, Items, cancellation);
        SolveAll(Items, _incidence.UsersOfItem, _users, cancellation);
    }

    /// <summary>[D, D] the sum over all rows of their outer products.</summary>
    /// <param name="rows">[N, D]</param>
    /// <param name="dimension">D</param>
    public static float[] Gram(ReadOnlySpan<float> rows, int dimension)
    {
        float[] gram = new float[dimension * dimension];
        for (int start = 0; start < rows.Length; start += dimension)
        {
            ReadOnlySpan<float> row = rows.Slice(start, dimension);
            for (int d = 0; d < dimension; d++)
            {
                Span<float> part = gram.AsSpan(d * dimension, dimension);
                TensorPrimitives.MultiplyAdd(row, row[d], part, part);
            }
        }

        return gram;
    }

    /// <summary>The diagonal's part that grows with a row's interactions and with all that it could have had.</summary>
    public static float Ridge(MatrixFactorizationOptions options, double interactions, int columns) =>
        (float)(options.Regularization * (interactions + options.UnobservedWeight * columns));

    private void SolveAll(float[] rows, int[][] columnsOfRow, float[] columns, CancellationToken cancellation)
    {
        int dimension = _options.Dimension;
        float[] gram = Gram(columns, dimension);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = _threads, CancellationToken = cancellation };
        Parallel.For(0, columnsOfRow.Length, parallel, () => new LeastSquares(dimension), (row, _, solver) =>
        {
            Span<float> solution = rows.AsSpan(row * dimension, dimension);
            int[] had = columnsOfRow[row];
            solver.Start(gram, (float)_options.UnobservedWeight, Ridge(_options, had.Length, columns.Length / dimension), solution);
            foreach (int column in had)
            {
                solver.Add(columns.AsSpan(column * dimension, dimension), 1, solution);
            }

            solver.Solve(solution);
            return solver;
        }, _ => { });
    }
}
