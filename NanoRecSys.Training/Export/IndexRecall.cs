using System.Diagnostics;
using NanoRecSys.Core.Retrieval;

namespace NanoRecSys.Training.Export;

/// <summary>How much of the true nearest neighbours an index finds, and how long a query takes.</summary>
/// <param name="queries">[B, D]</param>
/// <param name="exact">Finds the true neighbours.</param>
/// <param name="k">Neighbours compared; all rows where there are fewer.</param>
public sealed class IndexRecall(ReadOnlyMemory<float> queries, FlatIndex exact, int k)
{
    private readonly Candidate[] _found = new Candidate[Math.Min(k, exact.Count)];
    private readonly int[][] _expected = Expect(queries.Span, exact, Math.Min(k, exact.Count)); // [B][k]

    /// <summary>Neighbours that are asked for.</summary>
    public int K => _found.Length;

    /// <param name="index">What is measured.</param>
    /// <param name="first">Of the k that were asked for, only so many count; all if null.</param>
    /// <returns>Share of the exact neighbours among as many that the index finds, averaged over the queries.</returns>
    public double Measure(IVectorIndex index, int? first = null)
    {
        ArgumentNullException.ThrowIfNull(index);
        int counted = Math.Min(first ?? _found.Length, _found.Length);
        long shared = 0;
        for (int q = 0; q < _expected.Length; q++)
        {
            int found = index.Search(Query(q), RowFilter.None, _found);
            foreach (Candidate candidate in _found.AsSpan(0, Math.Min(found, counted)))
            {
                shared += _expected[q].AsSpan(0, counted).Contains(candidate.Row) ? 1 : 0;
            }
        }

        long asked = (long)_expected.Length * counted;
        return asked > 0 ? (double)shared / asked : 0;
    }

    /// <returns>
    /// Milliseconds of a query on this thread: of each query the quickest round, and the mean of those. What else runs
    /// on the machine only ever adds to a round.
    /// </returns>
    public double MeasureLatency(IVectorIndex index, int rounds = 5)
    {
        ArgumentNullException.ThrowIfNull(index);
        var quickest = new double[_expected.Length];
        Array.Fill(quickest, double.PositiveInfinity);
        for (int round = 0; round < rounds; round++)
        {
            for (int q = 0; q < quickest.Length; q++)
            {
                long start = Stopwatch.GetTimestamp();
                index.Search(Query(q), RowFilter.None, _found);
                quickest[q] = Math.Min(quickest[q], Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }

        return quickest.Length > 0 ? quickest.Average() : 0;
    }

    private ReadOnlySpan<float> Query(int q) => queries.Span.Slice(q * exact.Dimension, exact.Dimension);

    private static int[][] Expect(ReadOnlySpan<float> queries, FlatIndex exact, int k)
    {
        var expected = new int[queries.Length / exact.Dimension][];
        var found = new Candidate[k];
        for (int q = 0; q < expected.Length; q++)
        {
            int count = exact.Search(queries.Slice(q * exact.Dimension, exact.Dimension), RowFilter.None, found);
            expected[q] = [.. found.Take(count).Select(candidate => candidate.Row)];
        }

        return expected;
    }
}
