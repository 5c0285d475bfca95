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
    private readonly HashSet<int>[] _expected = Expect(queries.Span, exact, Math.Min(k, exact.Count)); // [B][k]

    /// <param name="index">What is measured.</param>
    /// <returns>Share of the exact neighbours among as many that the index finds, averaged over the queries.</returns>
    public double Measure(IVectorIndex index)
    {
        ArgumentNullException.ThrowIfNull(index);
        long shared = 0;
        for (int q = 0; q < _expected.Length; q++)
        {
            int found = index.Search(Query(q), RowFilter.None, _found);
            foreach (Candidate candidate in _found.AsSpan(0, found))
            {
                shared += _expected[q].Contains(candidate.Row) ? 1 : 0;
            }
        }

        long asked = (long)_expected.Length * _found.Length;
        return asked > 0 ? (double)shared / asked : 0;
    }

    /// <returns>Milliseconds of a query on this thread: the mean of a round, and of some rounds the median.</returns>
    public double MeasureLatency(IVectorIndex index, int rounds = 3)
    {
        ArgumentNullException.ThrowIfNull(index);
        var means = new double[rounds];
        for (int round = 0; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            for (int q = 0; q < _expected.Length; q++)
            {
                index.Search(Query(q), RowFilter.None, _found);
            }

            means[round] = Stopwatch.GetElapsedTime(start).TotalMilliseconds / Math.Max(1, _expected.Length);
        }

        Array.Sort(means);
        return means[rounds / 2];
    }

    private ReadOnlySpan<float> Query(int q) => queries.Span.Slice(q * exact.Dimension, exact.Dimension);

    private static HashSet<int>[] Expect(ReadOnlySpan<float> queries, FlatIndex exact, int k)
    {
        var expected = new HashSet<int>[queries.Length / exact.Dimension];
        var found = new Candidate[k];
        for (int q = 0; q < expected.Length; q++)
        {
            int count = exact.Search(queries.Slice(q * exact.Dimension, exact.Dimension), RowFilter.None, found);
            expected[q] = [.. found.Take(count).Select(candidate => candidate.Row)];
        }

        return expected;
    }
}
