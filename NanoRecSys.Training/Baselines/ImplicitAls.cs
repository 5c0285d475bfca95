using System.Numerics.Tensors;

namespace NanoRecSys.Training.Baselines;

/// <summary>
/// Alternating least squares on implicit feedback (Hu, Koren and Volinsky, 2008), with every item that a user did not
/// interact with as a weak zero. The cost of a sweep grows with the interactions, not with users times items.
/// </summary>
/// <param name="split">Only its training part is used.</param>
/// <param name="items">V</param>
/// <param name="seed">Seed of the initial item factors.</param>
/// <param name="threads">CPU threads; the result does not depend on them.</param>
internal sealed class ImplicitAls(DataSplit split, int items, MatrixFactorizationOptions options, long seed, int threads)
{
    private readonly TrainIncidence _incidence = TrainIncidence.Of(split, items);
    private readonly float[] _users = new float[split.UserCount * options.Dimension]; // [U, D]

    /// <summary>[V, D]</summary>
    public float[] Items { get; } = Start(items, options.Dimension, seed);

    /// <summary>Solves for all users, then for all items.</summary>
    public void Sweep(CancellationToken cancellation)
    {
        SolveAll(_users, _incidence.ItemsOfUser, Items, cancellation);
        SolveAll(Items, _incidence.UsersOfItem, _users, cancellation);
    }

    /// <summary>[D, D] the sum of the rows' outer products.</summary>
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

    /// <summary>Regularization of a row; it grows with the row's interactions and with the number of columns.</summary>
    public static float Ridge(MatrixFactorizationOptions options, double interactions, int columns) =>
        (float)(options.Regularization * (interactions + options.UnobservedWeight * columns));

    private static float[] Start(int items, int dimension, long seed)
    {
        var random = new Random(unchecked((int)seed));
        return [.. Enumerable.Range(0, items * dimension).Select(_ => (float)((random.NextDouble() * 2 - 1) * 0.1 / Math.Sqrt(dimension)))];
    }

    private void SolveAll(float[] rows, int[][] columnsOfRow, float[] columns, CancellationToken cancellation)
    {
        int dimension = options.Dimension;
        float[] gram = Gram(columns, dimension);
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellation };
        Parallel.For(0, columnsOfRow.Length, parallel, () => new LeastSquares(dimension), (row, _, solver) =>
        {
            Span<float> solution = rows.AsSpan(row * dimension, dimension);
            int[] had = columnsOfRow[row];
            solver.Start(gram, (float)options.UnobservedWeight, Ridge(options, had.Length, columns.Length / dimension), solution);
            foreach (int column in had)
            {
                solver.Add(columns.AsSpan(column * dimension, dimension), 1, solution);
            }

            solver.Solve(solution);
            return solver;
        }, _ => { });
    }
}

/// <summary>
/// Solves one row's factors x of implicit least squares: minimizes the sum over its interactions of
/// weight * (1 - x.q)^2, plus unobserved * the sum over all rows q of (x.q)^2, plus ridge * |x|^2. One instance per
/// thread: it works in place.
/// </summary>
/// <param name="dimension">D</param>
internal sealed class LeastSquares(int dimension)
{
    private readonly float[] _matrix = new float[dimension * dimension]; // [D, D], only the lower triangle is used

    /// <param name="gram">[D, D] the sum over all rows q of q q^T.</param>
    /// <param name="ridge">Added to the diagonal.</param>
    /// <param name="solution">[D] set to zero.</param>
    public void Start(ReadOnlySpan<float> gram, float unobserved, float ridge, Span<float> solution)
    {
        TensorPrimitives.Multiply(gram, unobserved, _matrix);
        for (int d = 0; d < dimension; d++)
        {
            _matrix[d * dimension + d] += ridge;
        }

        solution.Clear();
    }

    /// <summary>Adds an interaction.</summary>
    /// <param name="factors">[D] q</param>
    /// <param name="weight">Weight of its error.</param>
    /// <param name="solution">[D] accumulates the right-hand side.</param>
    public void Add(ReadOnlySpan<float> factors, float weight, Span<float> solution)
    {
        for (int row = 0; row < dimension; row++)
        {
            Span<float> part = _matrix.AsSpan(row * dimension, row + 1);
            TensorPrimitives.MultiplyAdd(factors[..(row + 1)], weight * factors[row], part, part);
        }

        TensorPrimitives.MultiplyAdd(factors, weight, solution, solution);
    }

    /// <summary>Solves for the factors in place, by Cholesky decomposition.</summary>
    /// <param name="solution">[D]</param>
    public void Solve(Span<float> solution)
    {
        Decompose();
        for (int row = 0; row < dimension; row++)
        {
            ReadOnlySpan<float> left = _matrix.AsSpan(row * dimension, row);
            solution[row] = (solution[row] - TensorPrimitives.Dot(left, solution[..row])) / _matrix[row * dimension + row];
        }

        for (int row = dimension - 1; row >= 0; row--)
        {
            // Column by column of the transpose, so that rows of the triangle are read sequentially.
            float value = solution[row] /= _matrix[row * dimension + row];
            Span<float> above = solution[..row];
            TensorPrimitives.MultiplyAdd(_matrix.AsSpan(row * dimension, row), -value, above, above);
        }
    }

    private void Decompose()
    {
        for (int row = 0; row < dimension; row++)
        {
            Span<float> own = _matrix.AsSpan(row * dimension, row + 1);
            for (int column = 0; column < row; column++)
            {
                ReadOnlySpan<float> other = _matrix.AsSpan(column * dimension, column + 1);
                own[column] = (own[column] - TensorPrimitives.Dot(own[..column], other[..column])) / other[column];
            }

            // The ridge keeps the true value above zero; rounding must not make it negative.
            own[row] = MathF.Sqrt(Math.Max(own[row] - TensorPrimitives.SumOfSquares(own[..row]), 1e-12f));
        }
    }
}
