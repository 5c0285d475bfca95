using System.Numerics.Tensors;

namespace NanoRecSys.Training.Baselines;

/// <summary>
/// Solves one row's factors x of implicit least squares: minimise the sum over its interactions of
/// weight * (1 - x.q)^2, plus unobserved * the sum over all rows q of (x.q)^2, plus ridge * |x|^2. One for each
/// thread: it works in place.
/// </summary>
/// <param name="dimension">D</param>
internal sealed class LeastSquares(int dimension)
{
    private readonly float[] _matrix = new float[dimension * dimension]; // [D, D], of which the lower triangle counts

    /// <summary>Starts a row.</summary>
    /// <param name="gram">[D, D] the sum over all rows q of q q^T.</param>
    /// <param name="unobserved">Weight of what is not there.</param>
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
    /// <param name="weight">Of its error.</param>
    /// <param name="solution">[D] gathers the right-hand side.</param>
    public void Add(ReadOnlySpan<float> factors, float weight, Span<float> solution)
    {
        for (int row = 0; row < dimension; row++)
        {
            Span<float> part = _matrix.AsSpan(row * dimension, row + 1);
            TensorPrimitives.MultiplyAdd(factors[..(row + 1)], weight * factors[row], part, part);
        }

        TensorPrimitives.MultiplyAdd(factors, weight, solution, solution);
    }

    /// <summary>Turns the right-hand side into the factors, by a Cholesky decomposition.</summary>
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
            // Column by column of the transpose, so that rows of the triangle are read as they lie.
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

            // Rounding must not make it negative: the ridge keeps the true value above zero.
            own[row] = MathF.Sqrt(Math.Max(own[row] - TensorPrimitives.SumOfSquares(own[..row]), 1e-12f));
        }
    }
}
